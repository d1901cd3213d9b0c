"""Credit adds up, is capped, and is spent by chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunnel.protocol.credit import Allowance, CreditError, Stream, cost
from chunnel.protocol.limits import MAX_CREDIT_BYTES, MAX_CREDIT_ITEMS
from chunnel.protocol.messages import Chunk, Credit

ID = b"12345678"


def test_a_chunk_costs_its_items_and_all_its_bytes():
    """Blobs count as the body does; the control frame does not."""
    assert cost(Chunk(ID, 3, b"body", (b"12", b"345"))) == Credit(3, 9)
    assert cost(Chunk(ID)) == Credit(0, 0)


def test_grants_add_up_to_the_cap():
    """A grant over the cap adds nothing."""
    allowance = Allowance(Credit(5, 10))
    allowance.grant(Credit(MAX_CREDIT_ITEMS - 5, MAX_CREDIT_BYTES - 10))
    assert allowance.balance == Credit(MAX_CREDIT_ITEMS, MAX_CREDIT_BYTES)
    for grant in (Credit(1, 0), Credit(0, 1)):
        with pytest.raises(CreditError, match="over the cap"):
            allowance.grant(grant)
    assert allowance.balance == Credit(MAX_CREDIT_ITEMS, MAX_CREDIT_BYTES)
    with pytest.raises(CreditError, match="over the cap"):
        Allowance(Credit(MAX_CREDIT_ITEMS + 1, 0))


def test_a_chunk_larger_than_all_credit_leaves_while_any_byte_is_left():
    """Bytes go below zero once, and then nothing leaves until grants have made up for it."""
    allowance = Allowance(Credit(10, 1))
    allowance.spend(1, 1_000)
    assert allowance.balance == Credit(9, -999)
    with pytest.raises(CreditError, match="exceeds"):
        allowance.spend(1, 1)
    allowance.grant(Credit(0, 999))
    assert not allowance.covers(1, 1)
    allowance.grant(Credit(0, 1))
    assert allowance.covers(9, 1)
    assert not allowance.covers(10, 1)
    assert repr(allowance) == "<Allowance items=9 bytes=1>"


def test_what_costs_no_bytes_needs_none():
    """Items without bytes are held back by items alone."""
    assert Allowance(Credit(1, 0)).covers(1, 0)
    assert not Allowance(Credit(0, 1)).covers(1, 0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50), st.integers(0, 500)), max_size=50))
def test_items_never_fall_below_zero(steps):
    """Whatever is granted and spent: spent items never exceed granted ones."""
    allowance, granted, spent = Allowance(), 0, 0
    for grants, items, size in steps:
        if grants:
            allowance.grant(Credit(items, size))
            granted += items
        elif allowance.covers(items, size):
            allowance.spend(items, size)
            spent += items
    assert allowance.items == granted - spent >= 0


def test_an_empty_chunk_may_only_be_the_first():
    """OPEN needs no credit; a second one would be a flood that costs its sender nothing."""
    stream = Stream()
    stream.take(Chunk(ID))
    with pytest.raises(CreditError, match="only be the first"):
        stream.take(Chunk(ID))
    stream.grant(Credit(1, 1))
    stream.take(Chunk(ID, 1, b"x"))
    with pytest.raises(CreditError, match="only be the first"):
        stream.take(Chunk(ID))


def test_a_stream_carries_items_or_parts_never_both():
    """The first chunk says which."""
    items, parts = Stream(Credit(9, 99)), Stream(Credit(0, 99))
    items.take(Chunk(ID))
    parts.take(Chunk(ID, 0, b"x", part=True))
    with pytest.raises(CreditError, match="either"):
        items.take(Chunk(ID, 0, b"x", part=True))
    with pytest.raises(CreditError, match="either"):
        parts.take(Chunk(ID, 0, b"x"))
    with pytest.raises(CreditError, match="counts no items"):
        parts.take(Chunk(ID, 1, b"x", part=True))
    parts.take(Chunk(ID, 0, b"", (b"x",), part=True, more=True))
    for stream, chunk in (
        (parts, Chunk(ID, 0, b"x", part=True, more=True)),
        (items, Chunk(ID, 1, b"", (b"x",), more=True)),
    ):
        with pytest.raises(CreditError, match="goes on"):
            stream.take(chunk)


def test_a_refused_chunk_changes_nothing():
    """Not even what kind of stream it is."""
    stream = Stream(Credit(0, 9))
    with pytest.raises(CreditError):
        stream.take(Chunk(ID, 1, b"x"))
    assert stream.balance == Credit(0, 9)
    stream.take(Chunk(ID, 0, b"x", part=True))
    assert stream.balance == Credit(0, 8)
