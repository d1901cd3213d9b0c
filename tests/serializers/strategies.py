"""Values that travel, for Hypothesis, and what it means that one arrived as it was sent."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from chunnel.values import InstanceRef, InstanceRow, QuerySetRef, Related, Relation, RowSet

ZONES = [ZoneInfo(key) for key in ("UTC", "Europe/Berlin", "America/St_Johns", "Etc/GMT-14")]

timezones = st.one_of(
    st.sampled_from([None, dt.UTC, *ZONES]),
    st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)).map(dt.timezone),
)
decimals = st.one_of(
    st.decimals(),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.sampled_from(["0E-10", "-0", "sNaN", "-NaN17", "1E+1000", "12.300", "-Infinity"]).map(
        Decimal
    ),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
datetimes = st.builds(
    lambda moment, fold: moment.replace(fold=fold),
    st.datetimes(timezones=timezones, allow_imaginary=True),
    st.sampled_from([0, 1]),
)
times = st.times(timezones=timezones)
timedeltas = st.timedeltas()

hashable_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 600), 1 << 600),
    st.sampled_from([-(1 << 63), -(1 << 63) - 1, (1 << 64) - 1, 1 << 64, -128, 255]),
    st.floats(),
    texts,
    st.sampled_from(["$tuple", "$", "", "\x00"]),
    st.binary(max_size=20),
    decimals.filter(lambda value: not value.is_snan()),  # a signalling NaN has no hash
    datetimes,
    st.dates(),
    times,
    timedeltas,
    st.uuids(),
)
scalars = hashable_scalars | decimals

keys = st.recursive(
    hashable_scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.frozensets(inner, max_size=3)
    ),
    max_leaves=4,
)


def columns(length: int) -> st.SearchStrategy[list[Any]]:
    """Return columns of one type, with and without None, and mixed ones."""

    def of(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
        return st.lists(items, min_size=length, max_size=length)

    zoned = timezones.flatmap(
        lambda zone: of(st.datetimes(timezones=st.just(zone), allow_imaginary=True))
    )
    one_type = [st.integers(), st.floats(), texts, decimals, datetimes, st.dates(), timedeltas]
    one_type += [st.uuids(), st.booleans(), times, st.binary(max_size=4)]
    return st.one_of(
        zoned,
        *(of(items) for items in one_type),
        *(of(items | st.none()) for items in one_type),
        of(scalars),
    )


methods = st.lists(texts, max_size=3).map(tuple)


relations = st.lists(st.builds(Relation, texts, texts, st.booleans(), texts), max_size=2).map(tuple)


@st.composite
def row_sets(draw: st.DrawFn) -> RowSet:
    """Draw a row set of a few columns."""
    names = draw(st.lists(texts, max_size=4))
    length = draw(st.integers(0, 6))
    drawn = tuple(draw(columns(length)) for _ in names)
    return RowSet(draw(st.none() | texts), tuple(names), drawn, draw(methods), draw(relations))


@st.composite
def owning_row_sets(draw: st.DrawFn, levels: int = 2) -> RowSet:
    """Draw a row set of keys with related ones, at most ``levels`` deep."""
    keys = draw(st.lists(scalars, max_size=3))
    names = draw(st.lists(texts, max_size=2, unique=True)) if levels else []
    related = tuple(draw(related_rows(name, len(keys), levels - 1)) for name in names)
    return RowSet("m.A", ("pk",), (keys,), relations=draw(relations), related=related)


@st.composite
def related_rows(draw: st.DrawFn, name: str, owners: int, levels: int) -> Related:
    """Draw the related rows of so many owners."""
    rows = draw(owning_row_sets(levels))
    length = len(rows.columns[0])
    place = st.integers(0, max(length - 1, 0))
    most = 2 if length else 0
    many = draw(st.booleans())
    each: st.SearchStrategy[Any] = st.lists(place, max_size=most) if many else st.none()
    if length and not many:
        each |= place
    places = draw(st.lists(each, min_size=owners, max_size=owners))
    return Related(name, many, draw(st.booleans()), rows, places)


@st.composite
def instance_rows(draw: st.DrawFn) -> InstanceRow:
    """Draw an instance with a few fields."""
    fields = draw(st.lists(st.tuples(texts, scalars), max_size=4))
    names, values = zip(*fields, strict=True) if fields else ((), ())
    text = draw(st.none() | texts)
    return InstanceRow(
        draw(texts), draw(scalars), names, values, text, draw(methods), draw(relations)
    )


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return containers of ``inner``; what must be hashable is drawn from ``keys``."""
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(texts, inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
        st.sets(keys, max_size=4),
        st.frozensets(keys, max_size=4),
    )


values = st.recursive(
    scalars
    | row_sets()
    | owning_row_sets(1)
    | instance_rows()
    | st.builds(InstanceRef, texts, scalars)
    | st.builds(QuerySetRef, texts),
    containers,
    max_leaves=12,
)


def same(sent: Any, arrived: Any) -> bool:
    """Say whether ``arrived`` is ``sent`` in value, in type and in what ``==`` overlooks."""
    if type(sent) is not type(arrived):
        return False
    if isinstance(sent, float):
        if math.isnan(sent):
            return math.isnan(arrived)
        return sent == arrived and math.copysign(1, sent) == math.copysign(1, arrived)
    if isinstance(sent, Decimal):
        return sent.as_tuple() == arrived.as_tuple()
    if isinstance(sent, dt.datetime | dt.time):
        return (
            sent.replace(tzinfo=None, fold=0) == arrived.replace(tzinfo=None, fold=0)
            and (sent.tzinfo is arrived.tzinfo or sent.tzinfo == arrived.tzinfo)
            and type(sent.tzinfo) is type(arrived.tzinfo)
            and sent.fold == arrived.fold
        )
    if isinstance(sent, list | tuple):
        return len(sent) == len(arrived) and all(map(same, sent, arrived))
    if isinstance(sent, dict):
        return same(list(sent.items()), list(arrived.items()))
    if isinstance(sent, set | frozenset):
        left = list(arrived)
        for item in sent:
            match = next((at for at, other in enumerate(left) if same(item, other)), None)
            if match is None:
                return False
            del left[match]
        return not left
    if isinstance(sent, UUID):
        return sent == arrived and sent.is_safe == arrived.is_safe
    return bool(sent == arrived)


class Mutation(NamedTuple):
    """One change of a body; ``at`` is taken modulo its length."""

    how: str
    at: int
    byte: int


mutations = st.lists(
    st.builds(
        Mutation,
        st.sampled_from(["set", "cut", "drop", "insert", "repeat"]),
        st.integers(0, 1 << 16),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


def mutate(body: bytearray, mutation: Mutation) -> None:
    """Change ``body`` in place."""
    at = mutation.at % max(len(body), 1)
    if mutation.how == "set":
        body[at : at + 1] = [mutation.byte]
    elif mutation.how == "cut":
        del body[at:]
    elif mutation.how == "drop":
        del body[at : at + 1]
    elif mutation.how == "insert":
        body.insert(at, mutation.byte)
    else:
        body[at:at] = body[at : at + 8]
