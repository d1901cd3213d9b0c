"""Errors say whose fault it was and what to answer."""

from __future__ import annotations

from chunnel.protocol.errors import (
    LocalProtocolError,
    MessageTooLarge,
    ProtocolError,
    RemoteProtocolError,
)


def test_errors_have_one_family_and_two_culprits():
    """Ours and theirs are told apart, and both are caught together."""
    assert issubclass(MessageTooLarge, LocalProtocolError)
    assert issubclass(LocalProtocolError, ProtocolError)
    assert issubclass(RemoteProtocolError, ProtocolError)
    assert not issubclass(RemoteProtocolError, LocalProtocolError)


def test_a_remote_error_is_fatal_unless_it_says_otherwise():
    """The safe side is the default."""
    error = RemoteProtocolError("why")
    assert (str(error), error.reason, error.call_id, error.fatal, error.answers) == (
        "why", "why", None, True, (),
    )  # fmt: skip
