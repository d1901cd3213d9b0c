"""Ask each endpoint of the remotes whether it serves."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from ... import conf
from ...exceptions import UnknownRemote
from ..pipes import PipedCommand

EXIT_DOWN = 1  # at least one endpoint is down; what probes of supervisors read


class Command(PipedCommand):
    help = "Says of each endpoint whether it is up; exits with 1 if any is down."
    requires_system_checks: list[str] = []  # noqa: RUF012 - a probe is to be quick

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("alias", nargs="*", help="Keys of CHUNNEL_REMOTES; without any, all.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        from ... import remotes

        aliases = options["alias"] or conf.remote_aliases()
        if not aliases:
            raise CommandError("CHUNNEL_REMOTES names no remote.")
        down = False
        for alias in aliases:
            try:
                statuses = remotes[alias].ping()
            except (UnknownRemote, ImproperlyConfigured) as error:
                raise CommandError(str(error), returncode=2) from None
            for status in statuses:
                down = down or not status.up
                self.stdout.write(f"{alias} {describe(status)}")
        if down:
            raise SystemExit(EXIT_DOWN)


def describe(status: Any) -> str:
    """Return the line for one endpoint."""
    if not status.up:
        reason = str(status.error).removeprefix(f"{status.endpoint}: ")
        return f"{status.endpoint} down: {reason}"
    return (
        f"{status.endpoint} up {status.round_trip * 1000:.1f} ms, {status.project}, {status.agent}"
    )
