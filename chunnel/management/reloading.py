"""Autoreload, from the side of the process that only watches over the one that serves.

Rules of this file:

* The process that serves is started anew for each change of code, and is let to finish its calls:
  signals are passed on to it. (Django's own loop leaves it no time.)
* Where new code is so broken that Django cannot even be set up, the process that serves ends before
  it can watch its own files. So this one looks for the next change, and then starts it again.
* What is looked at before a start is compared with what is there after it failed: an edit that was
  made while it failed is not missed.
* A server that cannot serve for another reason than code (EXIT_UNUSABLE), or that was killed, is
  not started again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.utils import autoreload

from ..server.processes import EXIT_UNUSABLE

RELOAD_EXIT_CODE = 3  # of Django's autoreloader
LOOK = 0.5  # seconds between two looks at the files


def has_terminal() -> bool:
    """Say whether the keyboard of a person is our standard input."""
    return sys.stdin is not None and sys.stdin.isatty()


def watch_over_reloads(report: Callable[[str], object]) -> int:
    """Start the process that serves, again whenever code changed; return its exit code.

    ``report`` shows one line to the operator. For the main thread only.
    """
    environment = {**os.environ, autoreload.DJANGO_AUTORELOAD_ENV: "true"}
    child: subprocess.Popen[bytes] | None = None
    stopped: list[int] = []  # the signals that came

    def pass_on(number: int, frame: object) -> None:  # noqa: ARG001 - a handler's signature
        stopped.append(number)
        # A terminal sends Ctrl-C to the child by itself.
        if child is not None and (number == signal.SIGTERM or not has_terminal()):
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    code_files = CodeFiles()
    while True:
        before = code_files.times()
        child = subprocess.Popen(autoreload.get_child_arguments(), env=environment)  # noqa: S603
        if stopped:  # before there was anybody to pass it on to
            child.terminate()
        code = child.wait()
        if stopped:
            return 0
        if code == RELOAD_EXIT_CODE:
            continue
        if code == EXIT_UNUSABLE:
            return 1
        if code <= 0:
            return 128 - code if code else 0  # of a signal what a shell makes of it
        report("The server ended; it is started again when code changes.")
        while code_files.times() == before:
            time.sleep(LOOK)
            if stopped:
                return 0


class CodeFiles:
    """The Python files that a change of code may be in.

    Those this process has imported, and all that stand beside the project's own: the file that is
    broken may be one that was never imported here.
    """

    def __init__(self) -> None:
        self._reloader = autoreload.StatReloader()
        folders = {Path(app.path) for app in apps.get_app_configs()}
        package = (settings.SETTINGS_MODULE or "").rpartition(".")[0]
        spec = find_spec(package) if package else None
        if spec is not None:
            folders.update(map(Path, spec.submodule_search_locations or ()))
        for folder in folders:
            if "site-packages" not in folder.parts:
                self._reloader.watch_dir(folder, "**/*.py")

    def times(self) -> dict[Path, float]:
        """Return when each of the files was changed last."""
        return dict(self._reloader.snapshot_files())
