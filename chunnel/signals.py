"""Signals of the server. Receivers run in the thread of the call, inside its hygiene.

``call_started``: ``sender`` is the remote name ("money.balance"), ``call`` the ServedCall.
``call_finished``: also ``outcome`` ("result", "failure", "cancelled"), ``exception`` (or None) and
``elapsed`` in seconds.
"""

from __future__ import annotations

from django.dispatch import Signal

call_started = Signal()
call_finished = Signal()
