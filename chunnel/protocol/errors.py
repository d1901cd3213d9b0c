"""What is raised when a peer, or we ourselves, leave the protocol.

Whose fault it is decides what follows: our own fault is a bug to be seen in a traceback, a peer's
fault is an input to be survived.
"""

from __future__ import annotations

from .messages import CallId, Message


class ProtocolError(Exception):
    """Something that the protocol does not allow."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class LocalProtocolError(ProtocolError):
    """We tried to say what we may not say now. Nothing was sent and no state has changed."""


class MessageTooLarge(LocalProtocolError):
    """The message is larger than the peer accepts. Nothing was sent and no state has changed."""


class RemoteProtocolError(ProtocolError):
    """The peer said what it may not say now, or what cannot be read.

    ``call_id`` is the call that it concerns, where that could be read. ``fatal`` says that the
    conversation is over (the engine has closed it); otherwise only that call is. ``answers`` are
    to be encoded and sent to the peer as they stand: the engine has already accounted for them.
    """

    def __init__(
        self,
        reason: str,
        *,
        call_id: CallId | None = None,
        fatal: bool = True,
        answers: tuple[Message, ...] = (),
    ):
        super().__init__(reason)
        self.call_id = call_id
        self.fatal = fatal
        self.answers = answers
