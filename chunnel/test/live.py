"""This project, served to itself over a real socket by a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from django.conf import settings
from django.test import TransactionTestCase, override_settings

from ..conf import Bind, parse_remote_url, server_settings
from .counting import RecordedCall, assertNumRPCs

_GRACE = 5.0  # seconds that calls under way get when the test is over


@contextmanager
def live_server(*aliases: str, bind: str = "tcp://127.0.0.1:0") -> Iterator[str]:
    """Serve what this project exposes while the block runs; give the address.

    The remotes called ``aliases`` lead there meanwhile. The database must be one that other threads
    can see: use it in a TransactionTestCase, or with pytest-django's ``transactional_db``.
    """
    from ..server.worker import Worker

    worker = Worker.open(replace(server_settings(), binds=(Bind(bind),), workers=1))
    thread = threading.Thread(target=worker.run, name="chunnel-live-server")
    thread.start()
    address = worker.endpoints[0]
    try:
        with override_settings(CHUNNEL_REMOTES=_redirected(aliases, address)):
            yield address
    finally:
        worker.stop(_GRACE)
        thread.join()


def _redirected(aliases: tuple[str, ...], address: str) -> dict[str, Any]:
    remotes = dict(getattr(settings, "CHUNNEL_REMOTES", {}))
    for alias in aliases:
        given = remotes.get(alias)
        entry = parse_remote_url(given) if isinstance(given, str) else given or {}
        remotes[alias] = {**entry, "ENDPOINTS": [address]}
    return remotes


class ChunnelLiveServerTestCase(TransactionTestCase):
    """A test case whose project is served over a real socket, with its settings as overridden.

    ``remotes`` lists the aliases that lead to it; ``rpc_address`` is where it serves.
    """

    remotes: ClassVar[tuple[str, ...]] = ()
    rpc_address: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        stack = ExitStack()
        cls.rpc_address = stack.enter_context(live_server(*cls.remotes))
        cls.addClassCleanup(stack.close)

    def assertNumRPCs(self, num: int) -> AbstractContextManager[list[RecordedCall]]:  # noqa: N802
        """Fail unless the block makes exactly ``num`` calls."""
        return assertNumRPCs(num)
