"""The threads of streams: kept while idle, ended when no longer wanted."""

from __future__ import annotations

import threading

import pytest

from chunnel.server.pools import streams
from chunnel.server.pools.streams import StreamThreads

from .contract import Gate
from .sources import Line, Work, eventually


def names() -> list[str]:
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("chunnel-stream-"))


def receive(line: Line, work: Work) -> None:
    """Be the owner of the line until the reply has come."""
    eventually(lambda: line.receive(0) or work.number in line.replies)


def test_an_idle_thread_is_used_again() -> None:
    """The one that ended last: its database connection is warm."""
    line = Line()
    threads = StreamThreads(line, 4)
    gate = Gate()
    blocked = [Work(gate, style="stream") for _ in range(2)]
    for work in blocked:
        assert threads.start(work)
    gate.holds(2)
    assert threads.active == 2
    gate.open()
    for work in blocked:
        receive(line, work)
    eventually(lambda: threads.active == 0)
    last = Work(style="stream")
    assert threads.start(last)
    receive(line, last)
    assert last.thread in ("chunnel-stream-1", "chunnel-stream-2")
    assert names() == ["chunnel-stream-1", "chunnel-stream-2"]
    threads.close()
    eventually(lambda: not names())
    line.close()


def test_an_idle_thread_ends_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so; the next job gets a new one."""
    monkeypatch.setattr(streams, "IDLE", 0.001)
    line = Line()
    ended: list[str] = []
    threads = StreamThreads(line, 1, lambda: ended.append(threading.current_thread().name))
    for number in (1, 2):
        assert threads.start(Work(style="stream"))
        eventually(lambda n=number: len(ended) == n)
    eventually(lambda: not names())
    line.close()


def test_a_job_that_comes_while_a_thread_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the two meet, the job is run."""
    monkeypatch.setattr(streams, "IDLE", 0.0)
    line = Line()
    threads = StreamThreads(line, 1)
    for _ in range(300):
        work = Work(style="stream")
        eventually(lambda w=work: threads.start(w))
        receive(line, work)
    threads.close()
    eventually(lambda: not names())
    line.close()


class Meeting:
    """A lock at which a thread of streams meets who starts a job, when it has waited in vain."""

    def __init__(self, threads: StreamThreads, work: Work):
        self.threads = threads
        self.work = work
        self.started: list[bool] = []
        self._lock = threading.Lock()
        self._sections = 0

    def __enter__(self) -> None:
        if threading.current_thread().name.startswith("chunnel-stream-"):
            self._sections += 1
            if self._sections == 2:  # it has been idle for too long
                starter = threading.Thread(target=self._start)
                starter.start()
                starter.join()
        self._lock.acquire()

    def _start(self) -> None:
        self.started.append(self.threads.start(self.work))

    def __exit__(self, *exception: object) -> None:
        self._lock.release()


def test_a_job_that_takes_a_thread_which_just_gave_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread had waited for long enough, and had not yet said so."""
    monkeypatch.setattr(streams, "IDLE", 0.0)
    line = Line()
    threads = StreamThreads(line, 1)
    first, second = Work(style="stream"), Work(style="stream")
    threads._lock = meeting = Meeting(threads, second)  # type: ignore[assignment]
    assert threads.start(first)
    receive(line, second)
    assert meeting.started == [True]
    assert first.thread == second.thread
    threads.close()
    eventually(lambda: not names())
    line.close()


def test_nothing_starts_once_closed() -> None:
    line = Line()
    threads = StreamThreads(line, 1)
    threads.close()
    assert not threads.start(Work(style="stream"))
    line.close()


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that gives no more threads makes the server busy, not broken."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    line = Line()
    threads = StreamThreads(line, 1)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert not threads.start(Work(style="stream"))
    work = Work(style="stream")
    assert threads.start(work)
    receive(line, work)
    threads.close()
    eventually(lambda: not names())
    line.close()
