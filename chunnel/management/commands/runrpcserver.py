"""Serve this project's functions and models to other projects.

Three ways to run, decided in ``handle``:

* one worker: this process serves, from its main thread;
* in development: Django's autoreloader starts a process that serves from a second thread and is
  replaced whenever code changes;
* several workers: this process becomes the parent of ``server/processes.py`` and serves nothing.

Where the pool is gevent, the process that serves replaces itself by ``python -m gevent.monkey``:
psycopg chooses its way to wait when it is imported, so patching later would be too late.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn

import django
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils import autoreload, timezone

from ... import __version__, conf, signals
from ...conf.options import SERVER
from ...conf.options import chosen as chosen_options
from ...server import processes
from ...server.lines import one_line
from ...transports import AddressInUse
from ..pipes import discard_output
from ..reloading import has_terminal, watch_over_reloads

if TYPE_CHECKING:
    from ...context import ServedCall
    from ...schema import Schema
    from ...server.worker import Worker

STOP_KEY = "CTRL-BREAK" if sys.platform == "win32" else "CONTROL-C"
DEFAULT_GRACE = 10.0  # seconds that calls under way have to end; OPTIONS["grace"]


class Command(BaseCommand):
    help = "Serves this project's functions and models to other projects."
    requires_system_checks: list[str] = []  # noqa: RUF012 - run in handle, where runserver does
    stealth_options = ("use_reloader",)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if getattr(self, "_called_from_command_line", False):
            parser.error = self._refuse  # type: ignore[method-assign] # argparse prints the usage too
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "address",
            nargs="?",
            help="Where to serve: 7070, 0:7070, [::]:7070, tcp://… or ipc://…, instead of BIND.",
        )
        parser.add_argument("--workers", metavar="N", help="Processes that share the address.")
        parser.add_argument("--pool", metavar="threads|gevent", help="How calls run at once.")
        parser.add_argument("--concurrency", metavar="N", help="Calls at once in each process.")
        parser.add_argument(
            "--noreload",
            action="store_false",
            dest="use_reloader",
            help="Do not restart when code changes (only with DEBUG does it at all).",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        self.verbosity: int = options["verbosity"]
        settings = read_settings(options)
        role = processes.child_role()
        reloading = bool(options.get("use_reloader", True) and django_settings.DEBUG)
        if role is not None:
            role.follow_parent()
            self._patch(settings)
            binds = zip(settings.binds, role.addresses, strict=True)
            settings = replace(
                settings,
                workers=role.workers,
                binds=tuple(replace(bind, address=address) for bind, address in binds),
            )
            self._serve_in_main_thread(settings, role)
        elif reloading:
            self._serve_reloading(settings)
        elif settings.workers > 1:
            self._run_parent(settings)
        else:
            self._patch(settings)
            self._serve_in_main_thread(settings, None)

    # The ways to run

    def _serve_in_main_thread(
        self, settings: conf.ServerSettings, role: processes.ChildRole | None
    ) -> None:
        from ...server.worker import run_to_exit

        if role is None:
            self._check()
        try:
            worker = open_worker(settings, reuse_port=role is not None)
        except CannotServe as error:
            if role is None:
                raise CommandError(str(error), returncode=1) from None
            self.stderr.write(str(error))
            sys.exit(processes.EXIT_UNUSABLE)
        reload = threading.Event()
        hangup_reloads = not has_terminal()

        interrupted = False

        def stop(number: int, frame: object) -> None:  # noqa: ARG001 - a handler's signature
            nonlocal interrupted
            if number == signal.SIGHUP and hangup_reloads:
                reload.set()
            # Only of Ctrl-C a second one means haste: a service manager sends SIGTERM to the
            # parent of several workers and to them, and the parent passes it on.
            now = number == signal.SIGQUIT or (number == signal.SIGINT and interrupted)
            interrupted = interrupted or number == signal.SIGINT
            # Not here: this thread may hold any of the worker's locks. And without threading's
            # Thread, whose start waits, which gevent forbids in a signal handler.
            grace = 0.0 if now else _grace(settings)
            _thread.start_new_thread(self._stop, (worker, grace))

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, stop)
        if role is None:
            self._announce(settings, worker.endpoints)
        self._print_calls()
        if role is not None:
            role.report_ready()
        run_to_exit(worker)
        if reload.is_set() and role is None:
            self._report("Reloading.")
            connections.close_all()
            _replace_process(autoreload.get_child_arguments())

    def _serve_reloading(self, settings: conf.ServerSettings) -> None:
        from ...server.worker import run_to_exit

        if os.environ.get(autoreload.DJANGO_AUTORELOAD_ENV) != "true":
            if settings.workers > 1:
                self._report("Autoreload serves with one worker; --noreload starts all of them.")
            sys.exit(watch_over_reloads(self._report))
        self._patch(settings)
        settings = replace(settings, workers=1)
        serving: list[Worker] = []
        ended = threading.Event()

        def serve() -> None:
            autoreload.raise_last_exception()
            self._check()
            try:
                worker = open_worker(settings, reuse_port=False)
            except CannotServe as error:
                self.stderr.write(str(error))
                # As runserver does: this thread cannot end the process otherwise.
                os._exit(processes.EXIT_UNUSABLE)
            serving.append(worker)
            self._announce(settings, worker.endpoints)
            self._print_calls()
            try:
                run_to_exit(worker)
            finally:
                ended.set()

        interrupted = False

        def interrupt(number: int, frame: object) -> None:  # noqa: ARG001 - a handler's signature
            nonlocal interrupted
            if not interrupted:
                interrupted = True
                raise KeyboardInterrupt  # what Django's loop ends for
            # An exception would leave the locks of the stop that is under way as they are.
            for worker in serving:
                _thread.start_new_thread(worker.stop, (0.0,))

        signal.signal(signal.SIGINT, interrupt)
        try:
            autoreload.run_with_reloader(serve)
        finally:  # code changed, Ctrl-C or SIGTERM: this is the main thread
            interrupted = True
            signal.signal(signal.SIGTERM, lambda *_: None)  # Django's raises SystemExit
            for worker in serving:
                self._stop(worker, _grace(settings))
                ended.wait(_grace(settings) + 1)

    def _stop(self, worker: Worker, grace: float) -> None:
        """Stop ``worker``, and say what it waits for."""
        calls = worker.under_way
        worker.stop(grace)
        if calls and grace and self.verbosity:
            self._report(
                f"Waiting for {_plural(calls, 'call')} to end, {grace:g} seconds at most; "
                f"{STOP_KEY} again stops now."
            )

    def _run_parent(self, settings: conf.ServerSettings) -> None:
        self._check()
        held = []
        for bind in settings.binds:
            try:
                held.append(processes.hold(bind.address))
            except processes.CannotShare as error:
                raise CommandError(str(error), returncode=1) from None
            except OSError as error:
                raise CommandError(cannot_serve([bind.address], error), returncode=1) from None
        addresses = [item.address for item in held]
        connections.close_all()
        self._announce(settings, addresses)
        parent = processes.Parent(
            command=autoreload.get_child_arguments(),
            workers=settings.workers,
            addresses=addresses,
            grace=_grace(settings),
            report=self._report,
        )
        code = parent.run()
        for item in held:
            item.socket.close()
        if code:
            sys.exit(code)

    def _patch(self, settings: conf.ServerSettings) -> None:
        """Return if this process is fit for the pool, else replace it by one that is."""
        if settings.pool != "gevent":
            return
        from gevent.monkey import is_module_patched

        if not is_module_patched("socket"):
            connections.close_all()
            python, *arguments = autoreload.get_child_arguments()
            _replace_process([python, *_with_gevent(arguments)])

    # What it prints

    def _check(self) -> None:
        if self.verbosity:
            self._report("Performing system checks...\n\n")
        self.check(display_num_errors=self.verbosity > 0)

    def _announce(self, settings: conf.ServerSettings, addresses: list[str]) -> None:
        if not self.verbosity:
            return
        from ...registry import build_schema, registry

        now = timezone.localtime().strftime("%B %d, %Y - %X")
        module = os.environ.get("DJANGO_SETTINGS_MODULE", "")
        versions = f"Django version {django.get_version()}, Chunnel version {__version__}"
        at_once = f"{_plural(settings.concurrency, 'call')} at once"
        lines = [
            now,
            f"{versions}, using settings {module!r}",
            f"Serving {settings.name} at {', '.join(addresses)}",
            *(f"  {line}" for line in _summary(build_schema(registry, settings.name))),
            f"Pool {settings.pool}, {at_once}, {_plural(settings.workers, 'worker')}",
            f"Quit the server with {STOP_KEY}.",
        ]
        self._report("\n".join(lines))

    def _report(self, text: str) -> None:
        """Show ``text`` to whoever reads; that nobody does any more is no reason not to serve."""
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except BrokenPipeError:
            discard_output()

    def _print_calls(self) -> None:
        if self.verbosity >= 2:
            signals.call_finished.connect(self._print_call, dispatch_uid="runrpcserver")

    def _print_call(
        self,
        *,
        sender: str,
        call: ServedCall,
        outcome: str,
        exception: BaseException | None,
        elapsed: float,
        **kwargs: Any,  # noqa: ARG002 - a receiver takes what comes
    ) -> None:
        what = type(exception).__name__ if exception is not None else outcome
        caller = one_line(call.project, 60) or call.peer
        stamp = timezone.localtime().strftime("%d/%b/%Y %X")
        name = one_line(sender)
        self._report(f"[{stamp}] {caller} {name} {what} {elapsed * 1000:.1f} ms {call.id}")

    def _refuse(self, message: str) -> NoReturn:
        self.stderr.write(f"{message[:1].upper()}{message[1:].rstrip('.')}.")
        sys.exit(2)


class CannotServe(Exception):
    """The worker cannot be opened; the message is a sentence for the operator."""


def read_settings(options: dict[str, Any]) -> conf.ServerSettings:
    """Return CHUNNEL_SERVER as the options change it; raise CommandError if either is faulty."""
    try:
        settings = conf.server_settings()
        if options["address"] is not None:
            address = conf.parse_bind_address(options["address"], typed=True)
            settings = replace(settings, binds=(conf.Bind(address),))
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None
    pool = options["pool"] or settings.pool
    if options["pool"] and "." not in pool and pool not in {"threads", "gevent"}:
        raise CommandError(f"There is no pool {pool!r}; the pools are 'threads' and 'gevent'.")
    if pool == "gevent" and find_spec("gevent") is None:
        raise CommandError(
            "The pool gevent needs gevent, which is not installed: pip install chunnel[gevent]"
        )
    return replace(
        settings,
        pool=pool,
        workers=_whole("--workers", options["workers"], settings.workers),
        concurrency=_whole("--concurrency", options["concurrency"], settings.concurrency),
    )


def _whole(option: str, given: str | int | None, default: int) -> int:
    if given is None:
        return default
    try:
        number = int(given)
    except ValueError:
        number = 0
    if number < 1:
        raise CommandError(f"{option} must be a whole number of at least 1, not {given!r}.")
    return number


def open_worker(settings: conf.ServerSettings, *, reuse_port: bool) -> Worker:
    """Listen on all addresses and return the worker that will serve them.

    Raise CannotServe if an address cannot be had.
    """
    from ...server.worker import Worker

    try:
        return Worker.open(settings, reuse_port=reuse_port)
    except OSError as error:
        addresses = [bind.address for bind in settings.binds]
        raise CannotServe(cannot_serve(addresses, error)) from None
    except ImproperlyConfigured as error:
        raise CannotServe(str(error)) from None


def cannot_serve(addresses: Sequence[str], error: OSError) -> str:
    """Return the sentence for an ``error`` of listening on ``addresses``."""
    if isinstance(error, AddressInUse):
        culprits = [each for each in addresses if each in str(error).split()]
        reason = "the address is in use"
    else:
        culprits = [error.filename] if isinstance(error.filename, str) else []
        text = error.strerror or str(error)
        reason = f"{text[:1].lower()}{text[1:].rstrip('.')}"
    return f"Cannot serve at {', '.join(culprits or addresses)}: {reason}."


def _grace(settings: conf.ServerSettings) -> float:
    grace: float = chosen_options(SERVER, settings.options).get("grace", DEFAULT_GRACE)
    return grace


def _with_gevent(arguments: list[str]) -> list[str]:
    """Return interpreter arguments that run the same program patched.

    The program's path or ``-m module`` comes after the interpreter's own options.
    """
    place = 0
    while place < len(arguments) and arguments[place].startswith("-"):
        if arguments[place] == "-m":
            return [*arguments[:place], "-m", "gevent.monkey", "--module", *arguments[place + 1 :]]
        place += 1
    return [*arguments[:place], "-m", "gevent.monkey", *arguments[place:]]


def _replace_process(command: list[str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 - the command this process was started with


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _summary(schema: Schema) -> list[str]:
    """Return a line for each app that exposes something."""
    return [
        f"{app.label}: "
        + ", ".join(
            _plural(len(parts), noun)
            for parts, noun in (
                (app.functions, "function"),
                (app.models, "model"),
                (app.exceptions, "exception"),
            )
            if parts
        )
        for app in schema.apps
    ]
