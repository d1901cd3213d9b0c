"""The app: discovery at start, and memory endpoints that are lent to their own process."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from django.test import override_settings

from chunnel import apps
from chunnel.conf import Bind
from chunnel.server.worker import Worker
from tests.server.caller import Caller, server_settings


@pytest.fixture(autouse=True)
def _clean() -> Any:
    yield
    assert not apps._lent


ITSELF = {"itself": "memory://apps-itself"}


def call(endpoint: str, name: str, *args: Any) -> Any:
    lent = apps._lent.get(endpoint)
    caller = Caller(endpoint, lent.dispatcher if lent else None)  # type: ignore[arg-type]
    try:
        return caller(name, *args)
    finally:
        caller.close()


def test_a_memory_endpoint_is_served_by_this_process() -> None:
    with override_settings(CHUNNEL_REMOTES=ITSELF):
        assert call("memory://apps-itself", "bank.add", 1) == 101


def test_one_that_somebody_serves_is_left_to_them() -> None:
    settings = server_settings(binds=(Bind("memory://apps-itself"),))
    worker = Worker.open(settings)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        with override_settings(CHUNNEL_REMOTES=ITSELF):
            assert not apps._lent
            assert call("memory://apps-itself", "bank.add", 1) == 101
    finally:
        worker.stop(1)
        thread.join()


def test_faulty_settings_are_for_the_checks() -> None:
    for remotes in ({"itself": "nonsense"}, 5):
        with override_settings(CHUNNEL_REMOTES=remotes):
            assert not apps._lent


def test_after_a_fork() -> None:
    """The child lends its own."""
    with override_settings(CHUNNEL_REMOTES=ITSELF):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = 0 if call("memory://apps-itself", "bank.add", 1) == 101 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
