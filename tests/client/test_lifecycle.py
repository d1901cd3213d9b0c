"""Forks and gevent, each in a child process of its own, and the guard of event loops."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from .echo import EchoServer

ROOT = Path(__file__).parent.parent.parent


def _run(code: str, server: EchoServer, *, gevent: bool = False) -> str:
    """Run ``code`` in a fresh interpreter, patched by gevent before anything else if so asked."""
    prelude = f"""
        import os, sys, warnings
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        import django
        django.setup()
        from chunnel.client.calling import Caller
        from chunnel.client.options import CallOptions
        from chunnel.conf import RemoteSettings
        caller = Caller(RemoteSettings("economy", ({server.address!r},), timeout=20))
        """
    program = textwrap.dedent(prelude) + textwrap.dedent(code)
    patched = ["-m", "gevent.monkey"] if gevent else []
    script = Path(_run.directory) / "program.py"  # type: ignore[attr-defined]
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", *patched, str(script)],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONDEVMODE": "",  # in which asyncio tells of each step that a busy machine delayed
            # Its tracer would mistake one greenlet for another.
            **({"COVERAGE_PROCESS_CONFIG": ""} if gevent else {}),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path) -> None:
    _run.directory = tmp_path  # type: ignore[attr-defined]


def test_children_of_a_fork_work_and_leave_the_parent_alone(server: EchoServer) -> None:
    """As under gunicorn: the parent used every way of calling, then forked."""
    out = _run(
        """
        import asyncio

        def use(number):
            assert caller.call("t.echo", (number,)) == number
            assert caller.submit("t.echo", (number,)).result(10) == number
            assert asyncio.run(caller.acall("t.echo", (number,))) == number
            assert sum(caller.call("t.numbers", (100,))) == 4950

        use(0)
        open_stream = caller.call("t.numbers", (100_000,))
        next(open_stream)
        inherited = set(os.listdir("/proc/self/fd"))
        children = []
        for number in range(1, 4):
            child = os.fork()
            if not child:
                status = 1
                try:
                    for _ in range(20):
                        use(number)
                    for name in inherited:  # the child closed nothing that it inherited
                        if not os.path.lexists(f"/proc/self/fd/{name}"):
                            raise AssertionError(name)
                    status = 0
                finally:
                    os._exit(status)
            children.append(child)
        for child in children:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        use(0)
        assert sum(open_stream) == sum(range(1, 100_000))
        caller.close()
        print("fine")
        """,
        server,
    )
    assert out == "fine\n"


def test_a_child_of_a_child_draws_call_ids_of_its_own(server: EchoServer) -> None:
    """Forked processes that share a seed would not share their ids."""
    out = _run(
        """
        from chunnel.client.exchanges import new_call_id
        new_call_id()
        for _ in range(2):
            if not os.fork():
                os.write(1, new_call_id().hex().encode() + b"\\n")
                os._exit(0)
            os.wait()
        """,
        server,
    )
    first, second = out.split()
    assert first != second


def test_greenlets_call_side_by_side(server: EchoServer) -> None:
    """A held call stops no other greenlet, and streams, submit and timeouts work."""
    out = _run(
        """
        import gevent, time
        from gevent import monkey
        assert monkey.is_module_patched("socket")
        held = gevent.spawn(caller.call, "t.hold")
        others = [gevent.spawn(caller.call, "t.echo", (number,)) for number in range(50)]
        gevent.joinall(others, timeout=20, raise_error=True)
        assert [one.value for one in others] == list(range(50))
        assert not held.ready()
        held.kill(block=True, timeout=10)
        assert sum(caller.call("t.numbers", (50_000,))) == sum(range(50_000))
        pendings = [caller.submit("t.echo", (number,)) for number in range(50)]
        assert [one.result(10) for one in pendings] == list(range(50))
        assert sum(caller.submit("t.numbers", (50_000,)).result(10)) == sum(range(50_000))
        ticks = []
        def tick():
            while True:
                ticks.append(1)
                gevent.sleep(0.005)
        ticking = gevent.spawn(tick)
        # Who waits for a call stops no other greenlet.
        pending = caller.submit("t.hold")
        waiting = [gevent.spawn(pending.result, 20), gevent.spawn(caller.call, "t.hold")]
        while len(ticks) < 20:
            gevent.sleep(0.001)
        assert not any(one.ready() for one in waiting)
        gevent.killall(waiting, timeout=10)
        pending.cancel()
        ticking.kill()
        soon = CallOptions(timeout=0.3)
        for late in (
            lambda: caller.submit("t.hold", options=soon).result(10),
            lambda: caller.call("t.hold", options=soon),
        ):
            try:
                late()
            except TimeoutError:
                pass
            else:
                raise AssertionError
        caller.close()
        print("fine")
        """,
        server,
        gevent=True,
    )
    assert out == "fine\n"


def test_event_loops_in_a_patched_process(server: EchoServer) -> None:
    """In a greenlet, and in a native thread whose hub never runs; other greenlets may wait."""
    out = _run(
        """
        import asyncio, gevent, threading
        from gevent import monkey
        from django.core.exceptions import SynchronousOnlyOperation

        async def several():
            found = await asyncio.gather(*[caller.acall("t.echo", (n,)) for n in range(30)])
            assert found == list(range(30))
            async for number in caller.stream("t.numbers", (10_000,)):
                last = number
            assert last == 9_999
            try:
                caller.call("t.echo", (1,))
            except SynchronousOnlyOperation:
                pass
            else:
                raise AssertionError
            return "fine"

        assert asyncio.run(several()) == "fine"

        # While one greenlet runs a loop, every greenlet of the thread sees it as running.
        async def wait_for(event):
            while not event:
                await asyncio.sleep(0.01)

        flag = []
        looping = gevent.spawn(lambda: asyncio.run(wait_for(flag)))
        gevent.sleep(0.05)
        assert gevent.spawn(caller.call, "t.echo", (5,)).get(timeout=10) == 5
        flag.append(1)
        looping.get(timeout=10)

        results = []
        done = monkey.get_original("threading", "Event")()
        def native():
            try:
                results.append(asyncio.run(several()))
            except BaseException as error:
                results.append(error)
            done.set()
        monkey.get_original("_thread", "start_new_thread")(native, ())
        while not results:
            gevent.sleep(0.01)
        assert results == ["fine"], results
        caller.close()
        print("fine")
        """,
        server,
        gevent=True,
    )
    assert out == "fine\n"


def test_a_patched_process_may_fork(server: EchoServer) -> None:
    """As under gunicorn's gevent workers."""
    out = _run(
        """
        assert caller.call("t.echo", (1,)) == 1
        assert caller.submit("t.echo", (1,)).result(10) == 1
        child = os.fork()
        if not child:
            status = 1
            try:
                assert caller.call("t.echo", (2,)) == 2
                assert caller.submit("t.echo", (2,)).result(10) == 2
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert caller.call("t.echo", (3,)) == 3
        caller.close()
        print("fine")
        """,
        server,
        gevent=True,
    )
    assert out == "fine\n"
