"""Conversations over transports: an engine, a pipe or listener and a clock, without a thread.

A ``ClientLink`` is one conversation over one pipe; a ``ServerLink`` holds the conversations of all
peers of one listener. Both are driven by their owner, one thread at a time: ``receive`` waits, and
``wake`` makes it return. Only ``wake`` and a server's ``post`` are for other threads.
"""

from __future__ import annotations

from .client import ClientLink
from .server import PeerLost, ServerLink

__all__ = ["ClientLink", "PeerLost", "ServerLink"]
