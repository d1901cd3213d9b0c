"""What Hypothesis needs to make messages, and frames that are almost messages."""

from __future__ import annotations

from hypothesis import strategies as st

from chunnel.protocol.limits import MAX_INT, MAX_NAME, MAX_TEXT, MAX_TOKEN, MIN_MESSAGE
from chunnel.protocol.messages import (
    NO_METADATA,
    Busy,
    Call,
    Cancel,
    Chunk,
    Credit,
    End,
    Failure,
    GoAway,
    GrantCredit,
    Hello,
    Ping,
    Pong,
    Result,
    Welcome,
)

numbers = st.integers(0, MAX_INT)
positive = st.integers(1, MAX_INT)
names = st.text(max_size=MAX_NAME).filter(lambda text: text.isprintable() or not text)
prose = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
long_prose = prose | st.just("x" * MAX_TEXT)
call_ids = st.binary(min_size=8, max_size=8)
tokens = st.binary(max_size=MAX_TOKEN)
bodies = st.binary(max_size=200)
blobs = st.lists(st.binary(max_size=50), max_size=4).map(tuple)
credits = st.builds(Credit, numbers, numbers)

_scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text(max_size=20) | st.binary(max_size=20)
)  # fmt: skip
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)
metadata = st.just(NO_METADATA) | st.dictionaries(st.text(max_size=8), _values, max_size=3)

hellos = st.builds(
    Hello,
    st.lists(positive, min_size=1, max_size=5).map(tuple),
    st.integers(MIN_MESSAGE, MAX_INT),
    names,
    names,
    metadata,
)
welcomes = st.builds(
    Welcome,
    positive,
    st.integers(MIN_MESSAGE, MAX_INT),
    names,
    names,
    names,
    positive,
    names,
    st.integers(0, 10**6).map(lambda ms: ms / 1000),
    st.lists(names, max_size=4).map(tuple),
    metadata,
)
calls = st.builds(Call, call_ids, names, names, bodies, blobs, credits, st.booleans(), metadata)
messages = st.one_of(
    hellos,
    welcomes,
    calls,
    st.builds(Result, call_ids, bodies, blobs, metadata),
    st.builds(Failure, call_ids, positive, long_prose, bodies, metadata),
    st.builds(Chunk, call_ids, numbers, bodies, blobs, st.booleans(), metadata),
    st.builds(End, call_ids, metadata),
    st.builds(GrantCredit, call_ids, credits),
    st.builds(Cancel, call_ids, prose),
    st.builds(Ping, tokens),
    st.builds(Pong, tokens, metadata),
    st.builds(Busy, call_ids, prose),
    st.builds(GoAway, prose, st.booleans()),
)
