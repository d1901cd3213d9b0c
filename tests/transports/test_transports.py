"""How the transport of an address is found."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chunnel.transports import for_endpoint
from chunnel.transports.memory import MemoryTransport
from chunnel.transports.zmq import ZmqTransport
from chunnel.transports.zmq.options import ZmqOptions


def test_scheme_finds_the_transport() -> None:
    assert isinstance(for_endpoint("tcp://127.0.0.1:7070"), ZmqTransport)
    assert isinstance(for_endpoint("ipc:///run/economy"), ZmqTransport)
    assert isinstance(for_endpoint("memory://economy"), MemoryTransport)
    assert for_endpoint("tcp://a:1") is for_endpoint("tcp://b:2")


def test_backend_names_another_class() -> None:
    path = "chunnel.transports.memory.MemoryTransport"
    assert isinstance(for_endpoint("memory://economy", path), MemoryTransport)


@pytest.mark.parametrize("address", ["carrier-pigeon://x", "7070", "tcp://", "://x", ""])
def test_unknown_scheme_lists_those_there_are(address: str) -> None:
    with pytest.raises(ValueError, match="ipc, memory, tcp"):
        for_endpoint(address)


def test_backend_that_does_not_serve_the_scheme_says_what_it_serves() -> None:
    with pytest.raises(ValueError, match="its schemes are memory"):
        for_endpoint("tcp://x:1", "chunnel.transports.memory.MemoryTransport")


@pytest.mark.parametrize("path", ["nowhere", "chunnel.transports.nowhere.X", "os.path.join"])
def test_bad_backend_is_an_import_error(path: str) -> None:
    with pytest.raises(ImportError):
        for_endpoint("tcp://x:1", path)


def test_importing_transports_imports_no_zmq() -> None:
    code = "import sys, chunnel.links; sys.exit('zmq' in sys.modules or 'gevent' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_options_may_have_capitals_and_others_are_left_alone() -> None:
    options = ZmqOptions.read({"HEARTBEAT_INTERVAL": 0.5, "max_frame": 100, "balancer": "x"})
    assert options == ZmqOptions(heartbeat_interval=0.5, max_frame=100)


@pytest.mark.parametrize("value", ["soon", "5", None, 0, -1, float("nan")])
def test_bad_option_is_named(value: object) -> None:
    with pytest.raises(ValueError, match="heartbeat_timeout"):
        ZmqOptions.read({"heartbeat_timeout": value})
