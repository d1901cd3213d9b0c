"""The dispatcher: from a CALL to a job, and what all jobs share.

It looks names up in the registry, by exact match, and nowhere else. It reads no socket: who drives
it passes calls in (``job``), hands on what concerns calls under way (``grant``, ``cancel``,
``peer_lost``), and is told what to send through ``post`` and through the replies of jobs.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.db.models import QuerySet

from .. import __version__, middleware
from ..exceptions import SerializationError
from ..plans import QueryLimits
from ..protocol.limits import DEFAULT_LIMITS, MAX_HOPS
from ..protocol.messages import Call, Credit, Failure, FailureCode, unknown_required
from ..registry import Entry, Place, Registry, build_schema
from ..registry.shapes import is_wrong_call, shape_of
from ..schema import Schema, schema_to_wire
from ..serializers import Serializer, load
from ..values import InstanceRef, QuerySetRef, TypeTable
from . import methods, querying, writing
from .failures import Refusal, failure_for, is_answer, is_plans_fault, is_told
from .jobs import CoroutineJob, Reply, ServedJob
from .lines import one_line
from .lowering import Lowering
from .outflow import BESIDE, Outflow
from .references import resolve
from .scope import Scope
from .streaming import ITERATOR, AsyncStreamJob, Flusher, StreamJob, wants_stream
from .zones import in_zone_of_caller, zone_of_caller

if TYPE_CHECKING:
    from ..conf import ServerSettings
    from ..middleware import Request

logger = logging.getLogger("chunnel.server.calls")

BUILTIN_LABEL = "chunnel"

_OF_PLANS = frozenset({"query", "manager", "write"})  # kinds of entries that take plans or values
_JOBS: dict[str, type[ServedJob]] = {
    "call": ServedJob,
    "stream": StreamJob,
    "coroutine": CoroutineJob,
    "async_stream": AsyncStreamJob,
}


class Dispatcher:
    """What a server process does with calls.

    ``post`` takes a Reply from any thread. ``borrowed``: jobs run in their callers' threads.
    ``status`` adds to what ``chunnel.status`` tells. ``accepts`` says how many bytes of a message a
    peer takes, and ``congested`` whether a stream shall wait before it posts more, from any thread.
    """

    def __init__(
        self,
        registry: Registry,
        settings: ServerSettings,
        *,
        post: Callable[[Reply], None],
        borrowed: bool = False,
        instance: str = "",
        status: Callable[[], dict[str, Any]] | None = None,
        accepts: Callable[[bytes], int] = lambda _peer: DEFAULT_LIMITS.max_message,
        congested: Callable[[], bool] = lambda: False,
    ):
        self.registry = registry
        self.project = settings.name
        self.instance = instance
        self.post = post
        self.borrowed = borrowed
        self._accepts = accepts
        self.congested = congested
        types = TypeTable(settings.types)
        self.serializers: Mapping[str, Serializer] = {
            cls.name: cls(types) for cls in map(load, settings.serializers)
        }
        self.limits = QueryLimits.from_settings(settings.limits)
        self.lower = Lowering(registry)
        self.flusher = Flusher()
        self.calls = 0
        self.failures = 0
        # Streams in borrowed threads that can go on, for whoever serves next.
        self.ready: deque[Callable[[], None]] = deque()
        self._show = settings.expose_tracebacks
        self._open: dict[tuple[bytes, bytes], ServedJob | Outflow] = {}
        self._outflows: dict[tuple[bytes, bytes], Outflow] = {}  # those of them
        self._started = time.monotonic()
        self._workers = settings.workers
        self._more_status = status
        self._schema: tuple[int, Schema] | None = None
        self._builtins = {
            each.name: each
            for each in (
                _builtin("schema", self._tell_schema),
                _builtin("status", self._tell_status),
            )
        }
        factories = middleware.load(settings.middleware)
        self.handle: Callable[[Request], Any] = middleware.chain(factories, self._invoke)
        self.handle_async: Callable[[Request], Any] = middleware.async_chain(
            factories, self._invoke_async
        )

    # For the driver of the link

    def job(self, peer: bytes, call: Call) -> ServedJob:
        """Return the job for a call, ready to run or to be refused."""
        entry = self.registry.find(call.name)
        if entry is None:
            entry = self._builtins.get(call.name)
        elif not entry.callable:
            entry = None
        style = "call" if entry is None else entry.style
        if entry is not None and wants_stream(entry, call.meta):
            style = "stream"
        job = _JOBS[style](self, peer, call, entry)
        self._open[peer, call.call_id] = job
        return job

    def grant(self, peer: bytes, call_id: bytes, credit: Credit) -> None:
        """Pass on credit for a call; one that is over is none of ours."""
        job = self._open.get((peer, call_id))
        if job is not None:
            job.grant(credit)

    def cancel(self, peer: bytes, call_id: bytes, reason: str = "") -> None:
        """Pass on that the caller no longer wants the answer."""
        job = self._open.get((peer, call_id))
        if job is not None:
            job.cancel(reason)

    def peer_lost(self, peer: bytes) -> None:
        """Cancel whatever a peer that is gone had asked for."""
        for key, job in list(self._open.items()):
            if key[0] == peer:
                job.cancel("the caller is gone")

    def start(self, reply: Reply, send: Callable[[bytes, Any], None]) -> None:
        """Begin a large answer. For the owner of the link, which ``send`` belongs to.

        It is none if its caller gave up while it was made: nobody would ever grant it credit.
        """
        outflow = reply.answer
        assert isinstance(outflow, Outflow)
        key = (reply.peer, outflow.call_id)
        job = self._open.get(key)
        if isinstance(job, ServedJob) and job.served.cancelled:
            del self._open[key]
            send(
                reply.peer,
                Failure(outflow.call_id, FailureCode.CANCELLED, "The call was cancelled."),
            )
            return
        self._open[key] = self._outflows[key] = outflow
        outflow.start(send, lambda: self._forget(key))

    @property
    def flowing(self) -> int:
        """How many large answers are on their way."""
        return len(self._outflows)

    def expire(self, now: float) -> None:
        """Give up the large answers whose callers have stopped to take them. For the owner."""
        for outflow in list(self._outflows.values()):
            outflow.expire(now)

    @property
    def open(self) -> int:
        """How many calls are under way."""
        return len(self._open)

    def close_all(self) -> None:
        """End what the dispatcher itself keeps running."""
        self.flusher.close()

    # What the server tells of itself

    @property
    def schema(self) -> Schema:
        """The description of what is exposed now."""
        revision = self.registry.revision
        if self._schema is None or self._schema[0] != revision:
            self._schema = (revision, build_schema(self.registry, self.project))
        return self._schema[1]

    def _tell_schema(self) -> list[Any]:
        return schema_to_wire(self.schema)

    def _tell_status(self) -> dict[str, Any]:
        more = self._more_status() if self._more_status is not None else {}
        return {
            "project": self.project,
            "instance": self.instance,
            "version": __version__,
            "workers": self._workers,
            "uptime": time.monotonic() - self._started,
            "calls": self.calls,
            "failures": self.failures,
            "open": len(self._open),
            "fingerprint": self.schema.fingerprint,
            **more,
        }

    # For jobs

    def close(self, job: ServedJob) -> None:
        """Forget a call that is over."""
        self._open.pop((job.peer, job.call.call_id), None)

    def _forget(self, key: tuple[bytes, bytes]) -> None:
        self._open.pop(key, None)
        self._outflows.pop(key, None)

    def room(self, peer: bytes) -> int:
        """Return how many bytes of values fit one message to ``peer``. Any thread."""
        return self._accepts(peer) - BESIDE

    def judge_metadata(self, meta: Mapping[str, Any]) -> None:
        """Raise the refusal if a call's metadata forbids to execute it."""
        unknown = unknown_required(meta)
        if unknown:
            raise Refusal(
                FailureCode.REFUSED,
                f"The call demands {unknown[0][:100]!r}, which this server does not understand.",
            )
        remaining = meta.get("remaining")
        if remaining is not None and type(remaining) is not int:
            raise Refusal(FailureCode.MALFORMED, "The time that remains is not a whole number.")
        hops = meta.get("hops")
        if hops is None:
            return
        if not isinstance(hops, list | tuple) or not all(type(hop) is str for hop in hops):
            raise Refusal(FailureCode.MALFORMED, "The hops of the call are not a list of names.")
        if len(hops) > MAX_HOPS:
            chain = " → ".join([*hops, self.project])
            raise Refusal(
                FailureCode.REFUSED,
                f"The call came through more than {MAX_HOPS} projects: {chain}.",
            )

    def unknown_serializer(self, name: str) -> Refusal:
        known = ", ".join(self.serializers)
        return Refusal(
            FailureCode.REFUSED, f"This server takes no {name[:60]!r}; its serializers are {known}."
        )

    def unknown_name(self, name: str) -> Refusal:
        return Refusal(FailureCode.NOT_EXPOSED, f"Nothing is exposed as {name[:200]!r}.")

    def arguments(
        self, serializer: Serializer, call: Call
    ) -> tuple[list[Any], dict[str, Any], bool, list[Any] | None]:
        """Unpack a call's arguments; say as well whether references are among them.

        The last is what to do with the queryset that the call returns, or None.
        """
        seen: list[InstanceRef] = []

        def lift(value: Any) -> Any:
            if type(value) is InstanceRef:
                seen.append(value)
            return value

        refining = None
        try:
            body = serializer.loads(call.body, call.blobs, lift=lift)
            if type(body) is list and len(body) == 3:
                *body, refining = body
            args, kwargs = body
        except (SerializationError, TypeError, ValueError) as error:
            raise Refusal(
                FailureCode.MALFORMED, f"The arguments cannot be read: {error}"
            ) from error
        if type(args) is not list or type(kwargs) is not dict:
            raise Refusal(FailureCode.MALFORMED, "The arguments are not a list and a dict.")
        if refining is not None and type(refining) is not list:
            raise Refusal(FailureCode.MALFORMED, "A plan and its operation are not a list.")
        return args, kwargs, bool(seen), refining

    def failure(self, error: BaseException, job: ServedJob, *, began: bool) -> Failure:
        """Return the Failure that tells a job's caller of ``error``."""
        show = self._show
        return failure_for(
            error,
            job.call.call_id,
            job.served,
            registry=self.registry,
            serializer=job.serializer,
            project=self.project,
            show=bool(django_settings.DEBUG) if show is None else show,
            began=began,
        )

    def note(self, job: ServedJob, error: BaseException | None) -> None:
        """Count a call that ended, and log it."""
        self.calls += 1
        if error is None:
            if logger.isEnabledFor(logging.INFO):
                logger.info("%s", self._line(job, "ok"))
            return
        self.failures += 1
        if isinstance(error, Refusal):
            # That somebody no longer wanted the answer is nobody's trouble.
            level = logging.INFO if job.served.cancelled else logging.WARNING
            logger.log(level, "%s", self._line(job, f"{error.code.name}: {error}"))
        elif is_answer(error, self.registry):
            logger.info("%s", self._line(job, f"raised {type(error).__qualname__}"))
        elif (
            job.entry is not None
            and job.entry.kind in _OF_PLANS
            and (is_plans_fault(error) or is_told(error, job.entry))
        ):
            text = self._line(job, f"raised {type(error).__qualname__}: {error}")
            logger.warning(
                "%s", text, exc_info=error if logger.isEnabledFor(logging.DEBUG) else None
            )
        else:
            text = self._line(job, f"raised {type(error).__qualname__}")
            logger.error("%s", text, exc_info=error)

    def _line(self, job: ServedJob, outcome: str) -> str:
        elapsed = (time.monotonic() - job.arrived) * 1000
        project = job.served.project
        caller = f" from {one_line(project, 60)}" if project else ""
        name = one_line(job.call.name)
        return f"{name} {elapsed:.1f} ms{caller} (call {job.served.id}) {one_line(outcome, 1_000)}"

    # The innermost handlers, which middleware stands around

    def _invoke(self, request: Request) -> Any:
        entry: Entry = request.target
        if entry.kind == "function":
            args, kwargs = request.args, request.kwargs
            _check(entry, args, kwargs)
            if request.has_refs:
                args, kwargs = self._resolve(request, args, kwargs)
            request.began = True
            result = _call(entry, entry.target, args, kwargs)
            return result if request.refining is None else self._refined(request, result)
        return self._invoke_other(entry, request)

    def _invoke_other(self, entry: Entry, request: Request) -> Any:
        args = list(request.args)
        if entry.kind in {"query", "write"}:
            return self._of_rows(entry, request, args)
        if entry.kind == "builtin":
            _check(entry, args, request.kwargs)
            return entry.target()
        if not args:
            raise Refusal(FailureCode.MALFORMED, f"{entry.name} lacks what it is called on.")
        first, rest = args[0], args[1:]
        _check(entry, [None, *rest], request.kwargs)
        rest, kwargs = self._resolve(request, rest, request.kwargs)
        if entry.kind == "manager":
            scope = self._scope(request)
            manager = querying.manager(entry, first, scope)
            request.began = True
            with querying.patience(entry, scope):
                result = getattr(manager, entry.attribute)(*rest, **kwargs)
            return result if request.refining is None else self._refined(request, result)
        subject = methods.subject(entry, first, self._scope(request))
        request.began = True
        result = getattr(subject.instance, entry.attribute)(*rest, **kwargs)
        if request.refining is not None:
            return self._refined(request, result)
        return (
            result if entry.style == "stream" else [self.returned(entry, result), subject.changed()]
        )

    def _of_rows(self, entry: Entry, request: Request, args: list[Any]) -> Any:
        if request.kwargs:
            raise Refusal(FailureCode.MALFORMED, f"{entry.name} takes no keywords.")
        scope = self._scope(request)
        if entry.style == "stream":
            request.began = True
            return in_zone_of_caller(scope.served, querying.iterate(entry, args, scope))
        run = writing.write if entry.kind == "write" else querying.query
        with zone_of_caller(scope.served):
            request.began = True
            return run(entry, args, scope)

    async def _invoke_async(self, request: Request) -> Any:
        entry: Entry = request.target
        args, kwargs = request.args, request.kwargs
        _check(entry, args, kwargs)
        if request.has_refs:
            args, kwargs = await sync_to_async(self._resolve)(request, args, kwargs)
        request.began = True
        made = entry.target(*args, **kwargs)
        if entry.style != "coroutine":
            return made
        result = await made
        if request.refining is None:
            return result
        return await sync_to_async(self._refined)(request, result)

    def _resolve(
        self, request: Request, args: Any, kwargs: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        return (
            resolve(list(args), kwargs, self._scope(request))
            if request.has_refs
            else (args, kwargs)
        )

    def _scope(self, request: Request) -> Scope:
        assert request.call is not None
        return Scope(request.call, self.registry, self.limits)

    # Querysets that functions return

    def returned(self, entry: Entry, result: Any) -> Any:
        """Return the result of a call as it travels: a queryset that can be made again, by name."""
        if entry.effect == "write" or not isinstance(result, QuerySet):
            return result
        return self.lower.reference(result)

    def _refined(self, request: Request, result: Any) -> Any:
        """Evaluate the queryset that a call returned as its caller wants it."""
        found = isinstance(result, QuerySet) and self.lower.reference(result)
        if not isinstance(found, QuerySetRef):
            raise Refusal(
                FailureCode.REFUSED, f"{request.name} returned no queryset that can be refined."
            )
        exposed = self.registry.model_named(found.model)
        assert exposed is not None
        scope, asked = self._scope(request), request.refining or []
        if len(asked) == 3 and asked[1] == ITERATOR:
            if wants_stream(request.target, scope.served.meta):
                args = (asked[0], asked[2])
                rows = querying.iterate_on(exposed, result, args, scope, request.name)
                return in_zone_of_caller(scope.served, rows)
            asked = [asked[0], "rows"]
        with zone_of_caller(scope.served):
            return querying.evaluate(exposed, result, asked, scope, request.name)


def _check(entry: Entry, args: Any, kwargs: dict[str, Any]) -> None:
    """Raise the refusal, in Python's own words, if the arguments do not fit."""
    check = entry.shape.check
    if check is not None:
        try:
            check(*args, **kwargs)
        except TypeError as error:
            raise Refusal(FailureCode.WRONG_ARGUMENTS, str(error)) from None


def _call(entry: Entry, target: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if entry.shape.check is not None:
        return target(*args, **kwargs)
    try:
        return target(*args, **kwargs)
    except TypeError as error:
        if is_wrong_call(entry.shape, error, args, kwargs):
            raise Refusal(FailureCode.WRONG_ARGUMENTS, str(error)) from None
        raise


def _builtin(name: str, target: Callable[[], Any]) -> Entry:
    return Entry(
        name=f"{BUILTIN_LABEL}.{name}",
        label=BUILTIN_LABEL,
        kind="builtin",
        target=target,
        place=Place(__file__, 1),
        shape=shape_of(target),
        effect="read",
        attribute=name,
    )
