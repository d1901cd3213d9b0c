"""A plain pool: one thread reads, others run the calls."""

import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Semaphore, Thread

from chunnel.server.pools.base import Pool, end_thread, perform
from chunnel.server.pools.loop import LoopThread
from chunnel.server.pools.streams import StreamThreads


class PlainPool(Pool):
    name = "plain"
    until = None  # when the grace ends; None: not stopping

    def run(self):
        self.jobs, self.under_way = SimpleQueue(), []
        self.room = Semaphore(self.concurrency + self.queue)
        self.streaming = StreamThreads(self.source, self.streams, self.on_thread_end)
        self.looping = LoopThread(self.source, self.options.get("coroutines", 1000))
        for number in range(1, self.concurrency + 1):
            Thread(target=self.work, name=f"chunnel-worker-{number}", daemon=True).start()
        try:
            while self.until is None:
                self.read(None)
            self.source.retire("stopping")
            while self.until > time.monotonic() and self.busy():
                self.read(0.05)
        finally:
            self.end()

    def stop(self, grace):
        self.until = min(self.until or float("inf"), time.monotonic() + grace)
        self.source.wake()

    def read(self, timeout):
        job = self.source.receive(timeout)
        if job is not None and (self.until is not None or not self.start(job)):
            self.source.send(job.refuse("no room"))

    def start(self, job):
        if job.style == "stream":
            return self.streaming.start(job)
        if job.style == "async":
            return self.looping.start(job)
        if room := self.room.acquire(blocking=False):
            self.under_way.append(job)
            self.jobs.put(job)
        return room

    def work(self):
        while (job := self.jobs.get()) is not None:
            perform(job, self.source)  # runs it and posts its reply; never raises
            self.under_way.remove(job)
            self.room.release()
        end_thread(self.on_thread_end)

    def busy(self):
        return self.under_way or self.streaming.active or self.looping.active

    def end(self):
        self.streaming.close()
        self.looping.close()
        with suppress(Empty):
            while True:
                self.source.send(self.jobs.get_nowait().refuse("stopping"))
        for _ in range(self.concurrency):
            self.jobs.put(None)
        self.source.receive(0)  # sends what was posted last
