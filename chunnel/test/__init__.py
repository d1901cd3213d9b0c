"""What a project needs to test code that calls others.

* ``override_remote`` answers calls with fakes, without a server.
* ``assertNumRPCs`` counts the calls that a block makes.
* ``live_server`` and ``ChunnelLiveServerTestCase`` serve this project to itself over a real socket.
"""

from __future__ import annotations

from .counting import RecordedCall, assertNumRPCs, record_calls
from .live import ChunnelLiveServerTestCase, live_server
from .overriding import override_remote

__all__ = [
    "ChunnelLiveServerTestCase",
    "RecordedCall",
    "assertNumRPCs",
    "live_server",
    "override_remote",
    "record_calls",
]
