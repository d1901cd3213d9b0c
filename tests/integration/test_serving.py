"""``runrpcserver`` as people run it: real processes, real sockets, real signals."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from chunnel import CallError, ServerBusy, remote, remotes

from ..live import address_of, free_port, run, running, until
from .conftest import serve

pytestmark = pytest.mark.leaks("the client keeps its connections; they are closed by the fixture")


PRICE = """
from chunnel import expose

@expose(effect="read")
def price():
    return 1
"""
SLOW = """
import pathlib, threading
from chunnel import expose

@expose
def slow(began, go):
    pathlib.Path(began).touch()
    while not pathlib.Path(go).exists():
        threading.Event().wait(0.02)
    return "done"
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"CHUNNEL_TEST_DATABASE": str(tmp_path / "bank.sqlite3"), "PYTHONPATH": str(tmp_path)}


@pytest.fixture
def connect(settings: Any) -> Iterator[Callable[[str], Any]]:
    """Return what points the remote ``economy`` at an address."""

    def connect(address: str) -> Any:
        settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": [address], "TIMEOUT": 20}}
        return remote.economy

    yield connect
    remotes["economy"].close()


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal(
    env: dict[str, str], connect: Callable[[str], Any], number: signal.Signals
) -> None:
    """It says what it serves and where, with -v 2 each call, and exits with 0."""
    with running(*serve("0", "--noreload", "-v2"), env=env) as server:
        economy = connect(address_of(server))
        server.line_with("System check identified no issues")
        server.line_with("  bank: ")
        server.line_with("Pool threads, 32 calls at once, 1 worker")
        assert economy.bank.echo("hello") == "hello"
        server.line_with(" tests bank.echo result ")
        with pytest.raises(ValueError, match="on purpose") as caught:
            economy.bank.fail("value", "on purpose")
        line = server.line_with(" tests bank.fail ValueError ")
        assert line.endswith(caught.value.call.call_id)
        said = len(server.lines)
        server.signal(number)
        assert server.wait() == 0, server.output
        assert server.lines[said:] == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_calls_under_way_are_finished(
    env: dict[str, str], connect: Callable[[str], Any], tmp_path: Path, workers: str
) -> None:
    """Who was being served when the signal came gets the answer."""
    make_app(tmp_path, SLOW, debug=False)
    began, go = tmp_path / "began", tmp_path / "go"
    options = ("0", "--noreload", "--workers", workers)
    with running(*serve(*options, settings="shop_settings"), env=env) as server:
        economy = connect(address_of(server))
        if workers == "2":
            server.line_with("All 2 workers serve.")
        pending = economy.shop.slow.submit(str(began), str(go))
        until(began.exists)
        server.signal(signal.SIGTERM)
        with pytest.raises((ServerBusy, CallError)):
            while True:  # until the signal has arrived
                economy.shop.slow.using(timeout=5)(str(began), str(tmp_path))
        go.touch()
        assert pending.result() == "done"
        assert server.wait() == 0, server.output


@pytest.mark.parametrize("options", [["--noreload"], ["--noreload", "--workers", "2"], []])
def test_a_second_interrupt_stops_at_once(
    env: dict[str, str], connect: Callable[[str], Any], tmp_path: Path, options: list[str]
) -> None:
    """The first one says what is waited for, also to whoever does not know about the second."""
    make_app(tmp_path, SLOW, debug=not options)
    settings = tmp_path / "shop_settings.py"
    settings.write_text(settings.read_text() + "CHUNNEL_SERVER['OPTIONS'] = {'grace': 60}\n")
    began, go = tmp_path / "began", tmp_path / "go"
    command = serve("0", *options, settings="shop_settings", dev=bool(options))
    with running(*command, env=env) as server:
        economy = connect(address_of(server))
        if len(options) > 1:
            server.line_with("All 2 workers serve.")
        pending = economy.shop.slow.submit(str(began), str(go))
        until(began.exists)
        server.signal(signal.SIGINT)
        line = server.line_with("Waiting for ")
        assert line == ("Waiting for 1 call to end, 60 seconds at most; CONTROL-C again stops now.")
        server.signal(signal.SIGINT)
        assert server.wait() == 0, server.output
        assert "Traceback" not in server.output
        with pytest.raises(CallError):
            pending.result(10)


HASTY = """
import os, signal
from chunnel.server.worker import Worker

stop = Worker.stop
interrupts = [signal.SIGINT] * 3

def stop_and_be_interrupted(self, grace=10.0):
    if interrupts:
        os.kill(os.getpid(), interrupts.pop())
    stop(self, grace)

Worker.stop = stop_and_be_interrupted
"""


@pytest.mark.parametrize("options", [["--noreload"], []])
def test_an_interrupt_does_not_break_the_stop_that_is_under_way(
    env: dict[str, str], connect: Callable[[str], Any], tmp_path: Path, options: list[str]
) -> None:
    """An exception in the midst of it could leave a lock of the worker held for ever."""
    make_app(tmp_path, SLOW + HASTY, debug=not options)
    settings = tmp_path / "shop_settings.py"
    settings.write_text(settings.read_text() + "CHUNNEL_SERVER['OPTIONS'] = {'grace': 60}\n")
    began, go = tmp_path / "began", tmp_path / "go"
    command = serve("0", *options, settings="shop_settings", dev=bool(options))
    with running(*command, env=env) as server:
        economy = connect(address_of(server))
        pending = economy.shop.slow.submit(str(began), str(go))
        until(began.exists)
        server.signal(signal.SIGINT)
        assert server.wait() == 0, server.output
        assert "Traceback" not in server.output
        with pytest.raises(CallError):
            pending.result(10)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("0", "tcp://127.0.0.1:"),
        ("0:0", "tcp://0.0.0.0:"),
        ("[::1]:0", "tcp://[::1]:"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:"),
    ],
)
def test_addresses_are_as_short_as_those_of_runserver(
    env: dict[str, str], connect: Callable[[str], Any], given: str, shown: str
) -> None:
    with running(*serve(given, "--noreload"), env=env) as server:
        address = address_of(server)
        assert address.startswith(shown)
        assert connect(address.replace("0.0.0.0", "127.0.0.1")).bank.echo(1) == 1


def test_a_path_can_be_an_address(
    env: dict[str, str], connect: Callable[[str], Any], tmp_path: Path
) -> None:
    address = f"ipc://{tmp_path}/bank.sock"
    with running(*serve(address, "--noreload"), env=env) as server:
        assert address_of(server) == address
        assert connect(address).bank.echo(1) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_address_in_use_is_one_sentence(env: dict[str, str], workers: str) -> None:
    """On standard error, with an exit code, and nothing of Python in it."""
    with taken_port() as port:
        ended = run(*serve(str(port), "--noreload", "--workers", workers, "-v0"), env=env)
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    sentence = f"Cannot serve at tcp://127.0.0.1:{port}: the address is in use."
    assert line.removeprefix("CommandError: ") == sentence


@pytest.mark.parametrize(
    ("address", "options", "reason"),
    [
        ("tcp://192.0.2.1:7070", [], "cannot assign requested address"),
        ("tcp://192.0.2.1:7070", ["--workers", "2"], "cannot assign requested address"),
        ("ipc:///nonexistent/x.sock", [], "no such file or directory"),
    ],
)
def test_an_address_that_cannot_be_had_is_named_once(
    env: dict[str, str], address: str, options: list[str], reason: str
) -> None:
    """In the same words with one worker and with several."""
    ended = run(*serve(address, "--noreload", "-v0", *options), env=env)
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.removeprefix("CommandError: ") == f"Cannot serve at {address}: {reason}."


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--workers", "0"], "--workers must be a whole number of at least 1, not '0'."),
        (["--concurrency", "many"], "--concurrency must be a whole number"),
        (["--pool", "fibres"], "There is no pool 'fibres'; the pools are 'threads' and 'gevent'."),
        (["--frobnicate"], "nrecognized arguments: --frobnicate."),
        (["99999"], "The address '99999' names a port that is not between 0 and 65535."),
        (["here:now"], "The address 'here:now' names a host or port that cannot be read;"),
        (["http//x"], "The address 'http//x' names"),
        (["ipc:///tmp/chunnel-shared.sock", "--workers", "2"], "cannot share ipc://"),
    ],
)
def test_a_bad_option_is_one_sentence(env: dict[str, str], options: list[str], text: str) -> None:
    ended = run(*serve(*options, "--noreload", "-v0"), env=env)
    assert ended.returncode in (1, 2)
    [line] = ended.stderr.splitlines()
    assert text in line


def test_a_fault_in_the_settings_is_shown_before_serving(
    env: dict[str, str], tmp_path: Path
) -> None:
    """The system checks come first."""
    (tmp_path / "faulty.py").write_text(
        "from tests.settings import *\nCHUNNEL_REMOTES = {'economy': 'nonsense'}\n"
    )
    ended = run(*serve("0", "--noreload", settings="faulty"), env=env)
    assert ended.returncode != 0
    assert "chunnel.E004" in ended.stderr
    assert "Serving" not in ended.stdout


def test_a_broken_rpc_module_shows_its_own_traceback(env: dict[str, str], tmp_path: Path) -> None:
    """The last line is the error in that file, and the file is named."""
    make_app(tmp_path, "1 / 0")
    ended = run(*serve("0", "--noreload", settings="shop_settings"), env=env)
    assert ended.returncode != 0
    assert str(tmp_path / "shop" / "rpc.py") in ended.stderr
    assert ended.stderr.rstrip().endswith("ZeroDivisionError: division by zero")


def make_app(folder: Path, code: str, *, debug: bool = True) -> Path:
    """Make an app ``shop`` with this ``rpc`` module, and settings for it."""
    (folder / "shop_settings.py").write_text(
        "from tests.settings import *\n"
        "INSTALLED_APPS = [*INSTALLED_APPS, 'shop']\n"
        f"DEBUG = {debug}\n"
    )
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").touch()
    module = folder / "shop" / "rpc.py"
    module.write_text(code)
    return module


def test_workers_share_the_address(env: dict[str, str], connect: Callable[[str], Any]) -> None:
    """All answer; one that is killed comes back; the parent ends them all."""
    with running(*serve("0", "--noreload", "--workers", "2"), env=env) as server:
        connect(address_of(server))
        server.line_with("All 2 workers serve.")
        before = instances(2)
        parent = server.process.pid
        [victim, _] = children(parent)
        os.kill(victim, signal.SIGKILL)
        server.line_with(f"(process {victim}) was ended by SIGKILL; starting it again")
        until(lambda: len(instances(2) | before) == 3)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0, server.output


def test_hangup_loads_new_code(
    env: dict[str, str], connect: Callable[[str], Any], tmp_path: Path
) -> None:
    """With several workers and with one; callers notice nothing but the new answer."""
    module = make_app(tmp_path, PRICE, debug=False)
    for workers in ("1", "2"):
        # Of another length each time: Python takes a compiled file of the same second for current.
        module.write_text(module.read_text().replace("return 1 + 1", "return 1"))
        options = ("0" if workers == "2" else str(free_port()), "--noreload", "--workers", workers)
        with running(*serve(*options, settings="shop_settings"), env=env) as server:
            economy = connect(address_of(server))
            if workers == "2":
                server.line_with("All 2 workers serve.")
            assert economy.shop.price() == 1
            module.write_text(module.read_text().replace("return 1", "return 1 + 1"))
            server.signal(signal.SIGHUP)
            server.line_with("Reloading")

            def is_new(economy: Any = economy) -> bool:
                try:
                    return bool(economy.shop.price() == 2)
                except CallError:  # between two lives of the one worker
                    return False

            until(is_new)
            server.signal(signal.SIGTERM)
            assert server.wait() == 0, server.output


def edit(module: Path, code: str, shows: Callable[[], object]) -> None:
    """Write code and wait for it to show; again, if Django's reloader had not begun to look."""
    for _ in range(5):
        module.write_text(code)
        try:
            return until(shows, 12)
        except AssertionError:
            continue
    return until(shows, 0)


def test_changed_code_is_loaded_in_development(
    env: dict[str, str], connect: Callable[[str], Any], tmp_path: Path
) -> None:
    """With DEBUG the server restarts by itself; a signal ends both processes with 0."""
    module = make_app(tmp_path, PRICE)
    port = free_port()
    # Django's autoreloader leaves a pipe to the garbage collector, so warnings are no errors here.
    options = (str(port), "--workers", "2")
    with running(*serve(*options, settings="shop_settings", dev=False), env=env) as server:
        economy = connect(address_of(server))
        server.line_with("Autoreload serves with one worker; --noreload starts all of them.")
        assert economy.shop.price() == 1

        def is_new() -> bool:
            try:
                return bool(economy.shop.price() == 2)
            except CallError:  # it restarts
                return False

        edit(module, module.read_text().replace("return 1", "return 1 + 1"), is_new)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0, server.output
        assert "Traceback" not in server.output
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_broken_code_is_waited_out_in_development(
    env: dict[str, str], connect: Callable[[str], Any], tmp_path: Path
) -> None:
    """The traceback is shown, also of a file that is new; once it is mended the server is back."""
    module = make_app(tmp_path, PRICE)
    options = (str(free_port()),)
    with running(*serve(*options, settings="shop_settings", dev=False), env=env) as server:
        economy = connect(address_of(server))
        assert economy.shop.price() == 1
        (tmp_path / "shop" / "added.py").write_text("this is no Python")
        edit(
            module,
            "from . import added\n" + PRICE.replace("return 1", "return 1 + 1"),
            lambda: server.has_said("SyntaxError: invalid syntax"),
        )
        server.line_with("The server ended; it is started again when code changes.")

        def is_new() -> bool:
            try:
                return bool(economy.shop.price() == 2)
            except CallError:  # it restarts
                return False

        edit(tmp_path / "shop" / "added.py", "# this is Python\n", is_new)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0, server.output


def test_a_server_that_waits_for_code_can_be_ended(env: dict[str, str], tmp_path: Path) -> None:
    module = make_app(tmp_path, PRICE)
    with running(*serve("0", settings="shop_settings", dev=False), env=env) as server:
        address_of(server)
        edit(module, "1 / 0", lambda: server.has_said("ZeroDivisionError"))
        server.line_with("The server ended; it is started again when code changes.")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0, server.output


def test_an_address_in_use_ends_autoreload(env: dict[str, str], tmp_path: Path) -> None:
    """No change of code would mend it."""
    make_app(tmp_path, PRICE)
    with taken_port() as port:
        ended = run(*serve(str(port), settings="shop_settings", dev=False), env=env)
    assert ended.returncode == 1
    assert "in use" in ended.stderr.splitlines()[-1]


def test_greenlets_serve(env: dict[str, str], connect: Callable[[str], Any]) -> None:
    """The command patches itself before Django is loaded; many calls wait at once."""
    pytest.importorskip("gevent")
    env["COVERAGE_PROCESS_CONFIG"] = ""  # the tracer would mistake one greenlet for another
    with running(*serve("0", "--noreload", "--pool", "gevent"), env=env) as server:
        economy = connect(address_of(server))
        server.line_with("Pool gevent")
        pendings = [economy.bank.nap.submit(0.2) for _ in range(20)]
        assert [pending.result() for pending in pendings] == [0.2] * 20
        assert list(economy.bank.statement(3)) == [0, 1, 2]
        assert economy.bank.later(1) == 1
        server.signal(signal.SIGTERM)
        assert server.wait() == 0, server.output


def instances(number: int) -> set[str]:
    """Return the instances behind the address, once there are ``number`` of them."""
    found: set[str] = set()

    def all_found() -> bool:
        found.update(str(status.instance) for status in remotes["economy"].ping() if status.up)
        return len(found) >= number

    until(all_found)
    return found


def children(parent: int) -> list[int]:
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in text.split()]


def test_a_rolling_restart_loses_no_call(env: dict[str, str], settings: Any) -> None:
    """While one of two servers stops and the other serves, every call is answered."""
    with ExitStack() as stack:
        servers = [stack.enter_context(running(*serve("0", "--noreload"), env=env)) for _ in "ab"]
        addresses = [address_of(server) for server in servers]
        settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": addresses, "TIMEOUT": 20}}
        stack.callback(remotes["economy"].close)
        bank = remote.economy.bank
        stop = threading.Event()
        failures: list[Exception] = []
        counts = [0] * 4

        def call(number: int) -> None:
            while not stop.is_set():
                try:
                    bank.echo(number)
                except Exception as error:
                    failures.append(error)
                counts[number] += 1

        threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: min(counts) > 50)
            servers[0].signal(signal.SIGTERM)
            assert servers[0].wait() == 0, servers[0].output
            after = list(counts)
            until(lambda: all(now > then + 50 for now, then in zip(counts, after, strict=True)))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert failures == []
