"""The messages themselves: numbers that never change, and the keys of metadata."""

from __future__ import annotations

from typing import get_args

import pytest

from chunnel.protocol.messages import (
    KINDS,
    NO_METADATA,
    Call,
    Credit,
    FailureCode,
    GoAway,
    Kind,
    Message,
    unknown_required,
)


def test_the_numbers_of_kinds_never_change():
    """They are on the wire of every version."""
    assert {kind.name: kind.value for kind in Kind} == {
        "HELLO": 1, "WELCOME": 2, "CALL": 3, "RESULT": 4, "FAILURE": 5, "CHUNK": 6, "END": 7,
        "CREDIT": 8, "CANCEL": 9, "PING": 10, "PONG": 11, "BUSY": 12, "GOAWAY": 13,
    }  # fmt: skip


def test_a_kind_is_found_by_its_number_in_any_table():
    """Kinds hash as their numbers, so that numbers from the wire find them."""
    assert {Kind.CALL: "x"}[3] == "x"
    assert {3: "x"}[Kind.CALL] == "x"


def test_every_message_has_a_kind_and_every_kind_a_message():
    """The map of kinds is one to one with the union of messages."""
    assert set(KINDS) == set(get_args(Message))
    assert sorted(KINDS.values()) == sorted(Kind)


def test_failure_codes_tell_whether_the_call_was_executed():
    """Codes below 100 are those of calls that surely were not."""
    unexecuted = {code.name for code in FailureCode if code < 100}
    assert unexecuted == {
        "MALFORMED", "NOT_EXPOSED", "WRONG_ARGUMENTS", "DENIED", "REFUSED", "EXPIRED",
        "QUERY_REFUSED", "TOO_MANY_ROWS",
    }  # fmt: skip


def test_messages_are_frozen_and_share_no_state():
    """A message cannot be changed after it was made, nor the metadata that none has."""
    call = Call(b"12345678", "money.balance", "msgpack", b"")
    with pytest.raises(AttributeError):
        call.name = "other"
    with pytest.raises(TypeError):
        call.meta["remaining"] = 1
    assert call.credit == Credit(0, 0)
    assert call.meta is NO_METADATA
    assert not GoAway().over


def test_a_required_key_that_is_unknown_is_found():
    """Keys with ``!`` must be understood, other keys need not."""
    assert unknown_required({}) == []
    assert unknown_required(NO_METADATA) == []
    assert unknown_required({"remaining": 1, "new": 2}) == []
    assert unknown_required({"!b": 1, "a": 2, "!a": 3}) == ["!b", "!a"]
    assert unknown_required({"!": 1}) == ["!"]
    assert unknown_required({"!a": 1, "!idempotency_key": 2}, known=["!a"]) == ["!idempotency_key"]
    assert unknown_required({"!idempotency_key": 2}) == ["!idempotency_key"]  # reserved, no more
