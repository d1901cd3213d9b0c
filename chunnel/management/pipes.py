"""Output that nobody reads any more: ``rpccall … | head`` is no error of ours."""

from __future__ import annotations

import os
import signal
import sys

from django.core.management.base import BaseCommand

EXIT_PIPE = 128 + signal.SIGPIPE  # what a shell shows for a program that the signal ended


class PipedCommand(BaseCommand):
    """A command that ends without a word where whoever reads its output has read enough."""

    def run_from_argv(self, argv: list[str]) -> None:
        try:
            super().run_from_argv(argv)
            sys.stdout.flush()
        except BrokenPipeError:
            discard_output()
            sys.exit(EXIT_PIPE)


def discard_output() -> None:
    """Have standard output lead nowhere, for after a BrokenPipeError the next write fails too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
