"""The calls of one remote, as the surface makes them.

A ``Caller`` knows the settings, packs the arguments and chooses the way: a synchronous call is
carried out by the calling thread (``synchronous``), all others by the multiplexer. Both ways begin
with an ``Exchange`` and raise the same errors.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import __version__, middleware
from ..conf import RemoteSettings, client_settings, server_settings
from ..conf.options import REMOTE, ZMQ
from ..conf.options import chosen as chosen_options
from ..links import ClientLink
from ..protocol.errors import ProtocolError
from ..protocol.limits import MIN_MESSAGE, VERSIONS, Limits
from ..protocol.messages import Hello
from ..serializers import load as load_serializer
from ..transports import PipeClosed, for_endpoint
from ..values import TypeTable
from . import balancers, synchronous
from .answers import UNRESPONSIVE_AFTER
from .connections import MAX_CONNECTIONS, MAX_STREAMS, EndpointPool, Unreachable
from .endpoints import DIAL_TIMEOUT, Endpoints, cancel_all
from .exchanges import MAX_RESULT, Exchange
from .inquiries import EndpointStatus, Schemas, ping_endpoints
from .lifecycle import PerHub, forbid_event_loop
from .multiplexer import Pending, multiplexer
from .options import DEFAULT_OPTIONS, CallOptions
from .streams import Stream
from .threads import native_rlock, patched

if TYPE_CHECKING:
    from ..schema import Schema
    from ..serializers.base import Lift, Lower

_NO_KWARGS: Mapping[str, Any] = {}


class _Request(middleware.Request):
    """A call on its way through the middleware, with what only its end needs."""

    __slots__ = ("lift", "lower")

    lower: Lower | None
    lift: Lift | None


class Caller:
    """Makes the calls of one remote. Shared by threads, greenlets, event loops and forked children.

    ``resolve`` gives the remote class of an exposed exception's name, or None.
    """

    def __init__(
        self,
        settings: RemoteSettings,
        *,
        resolve: Callable[[str], type[Any] | None] | None = None,
    ):
        self.settings = settings
        self.alias = settings.alias
        self.resolve = resolve
        chosen = chosen_options(REMOTE, settings.options)
        self.unresponsive_after: float = chosen.get("unresponsive_after", UNRESPONSIVE_AFTER)
        self.dial_timeout: float = chosen.get("dial_timeout", DIAL_TIMEOUT)
        self.max_result: int = chosen.get("max_result", MAX_RESULT)
        self._limit: int = chosen.get("max_connections", MAX_CONNECTIONS)
        self._stream_limit: int = chosen.get("max_streams", MAX_STREAMS)
        self.serializer = load_serializer(settings.serializer)(TypeTable(settings.types))
        self._balancer = balancers.load(settings.balancer)
        self._limits = _limits_of(settings)
        project = server_settings().name
        self.hops = [project]
        self._hello = Hello(VERSIONS, self._limits.max_message, f"chunnel/{__version__}", project)
        self._endpoints: PerHub[Endpoints] = PerHub(self.make_endpoints)
        self._schemas = Schemas()
        self._factories = middleware.load(client_settings().middleware)

    def __repr__(self) -> str:
        return f"<Caller {self.alias!r}>"

    # Calls

    def call(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = _NO_KWARGS,
        options: CallOptions = DEFAULT_OPTIONS,
        *,
        lower: Lower | None = None,
        lift: Lift | None = None,
    ) -> Any:
        """Call ``name`` and return its value, or a Stream if the server answers with one.

        ``lower`` is asked for arguments that cannot travel by themselves, ``lift`` turns references
        and rows that arrived into what the caller wants to see. Raise what the server raised, a
        CallError, SerializationError, or SynchronousOnlyOperation inside a running event loop.
        """
        forbid_event_loop(self.alias, name)
        if self._factories:
            return self._through(self._call, name, args, kwargs, options, lower, lift)
        return synchronous.perform(
            self, self._endpoints.get(), self.exchange(name, args, kwargs, options, lower, lift)
        )

    async def acall(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = _NO_KWARGS,
        options: CallOptions = DEFAULT_OPTIONS,
        *,
        lower: Lower | None = None,
        lift: Lift | None = None,
    ) -> Any:
        """The same for asynchronous code. Cancelling the task cancels the call over there too."""
        if self._factories:
            request = self._request(name, args, kwargs, options, lower, lift)
            return await middleware.async_chain(self._factories, self._acall)(request)
        return await self.aperform(self.exchange(name, args, kwargs, options, lower, lift))

    def submit(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = _NO_KWARGS,
        options: CallOptions = DEFAULT_OPTIONS,
        *,
        lower: Lower | None = None,
        lift: Lift | None = None,
    ) -> Pending:
        """Send the call and return at once; the Pending gives its value later. For any code."""
        if self._factories:
            found = self._through(self._submit, name, args, kwargs, options, lower, lift)
            return found if isinstance(found, Pending) else Pending.settled(found)
        exchange = self.exchange(name, args, kwargs, options, lower, lift)
        return self._multiplexed(exchange)

    def stream(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = _NO_KWARGS,
        options: CallOptions = DEFAULT_OPTIONS,
        *,
        lower: Lower | None = None,
        lift: Lift | None = None,
    ) -> Stream:
        """Return a Stream; the call is made when its first item is asked for, in either way."""
        if self._factories:
            found: Stream = self._through(self._stream, name, args, kwargs, options, lower, lift)
            return found
        return Stream.later(self, self.exchange(name, args, kwargs, options, lower, lift))

    def exchange(
        self,
        name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: CallOptions,
        lower: Lower | None = None,
        lift: Lift | None = None,
    ) -> Exchange:
        """Pack the arguments; raise SerializationError that names the one that cannot travel."""
        if options.endpoint is not None and options.endpoint not in self.settings.endpoints:
            known = ", ".join(self.settings.endpoints)
            raise ValueError(f"{self.alias!r} has no endpoint {options.endpoint!r}; it has {known}")
        body = [list(args), kwargs]
        if options.refine is not None:
            body.append(list(options.refine))
        packed = self.serializer.dumps(body, lower=lower, roots=("args", "kwargs", "plan"))
        return Exchange(self, name, packed, options, lift)

    def perform(self, exchange: Exchange) -> Any:
        """Carry out a call here and now."""
        return synchronous.perform(self, self._endpoints.get(), exchange)

    async def aperform(self, exchange: Exchange) -> Any:
        """Have the multiplexer carry out a call, and wait for it."""
        return await self._multiplexed(exchange)

    def _multiplexed(self, exchange: Exchange) -> Pending:
        endpoints = self._endpoints.made()
        if endpoints is not None and endpoints.abandoned:
            cancel_all(endpoints.abandoned)
        return multiplexer().submit(self, exchange)

    # Middleware

    def _request(
        self,
        name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: CallOptions,
        lower: Lower | None,
        lift: Lift | None,
    ) -> _Request:
        request = _Request(
            name,
            list(args),
            dict(kwargs),
            alias=self.alias,
            effect=options.effect,
            options=options,
            meta=dict(options.meta),
        )
        request.lower, request.lift = lower, lift
        return request

    def _through(
        self,
        handler: Callable[[Any], Any],
        name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: CallOptions,
        lower: Lower | None,
        lift: Lift | None,
    ) -> Any:
        request = self._request(name, args, kwargs, options, lower, lift)
        return middleware.chain(self._factories, handler)(request)

    def _requested(self, request: _Request) -> Exchange:
        options: CallOptions = request.options
        if request.meta != options.meta:
            options = options.replace(meta=request.meta)
        return self.exchange(
            request.name, request.args, request.kwargs, options, request.lower, request.lift
        )

    def _call(self, request: _Request) -> Any:
        return self.perform(self._requested(request))

    async def _acall(self, request: Any) -> Any:
        return await self.aperform(self._requested(request))

    def _submit(self, request: _Request) -> Pending:
        return self._multiplexed(self._requested(request))

    def _stream(self, request: _Request) -> Stream:
        return Stream.later(self, self._requested(request))

    # Connections

    def make_endpoints(self, *, native: bool = False) -> Endpoints:
        """Return pools without connections; ``native`` for native threads under gevent."""
        lock = native_rlock if native and patched() else threading.Lock
        pools = [
            EndpointPool(
                endpoint,
                self.dial,
                limit=self._limit,
                stream_limit=self._stream_limit,
                lock=lock,
            )
            for endpoint in self.settings.endpoints
        ]
        return Endpoints(pools, self._balancer(self.settings.options), native=native)

    def dial(self, endpoint: str, timeout: float) -> ClientLink:
        """Return an open link to ``endpoint``; raise Unreachable with the reason."""
        deadline = time.monotonic() + timeout
        try:
            transport = for_endpoint(endpoint, self.settings.backend)
            pipe = transport.dial(endpoint, self.settings.options, timeout=timeout)
        except PipeClosed as error:
            raise Unreachable(error.reason) from None
        except OSError as error:
            raise Unreachable(f"{endpoint}: {error}") from error
        link = ClientLink(pipe, hello=self._hello, limits=self._limits)
        try:
            welcome = link.open(max(0.0, deadline - time.monotonic()))
        except (PipeClosed, ProtocolError, OSError) as error:
            link.close()
            raise Unreachable(str(error)) from None
        except BaseException:
            link.close()
            raise
        self._schemas.saw(welcome.fingerprint)
        return link

    def close(self) -> None:
        """Close all connections of this process; calls under way elsewhere end with theirs."""
        for endpoints in self._endpoints.clear():
            endpoints.close()
        multiplexer().close(self)

    # Questions about the remote itself

    def ping(self, timeout: float | None = None) -> list[EndpointStatus]:
        """Ask each endpoint, all at once, within ``timeout`` seconds each."""
        forbid_event_loop(self.alias, "ping")
        return ping_endpoints(self.settings.endpoints, self.dial, timeout or self.dial_timeout)

    def status(self, options: CallOptions = DEFAULT_OPTIONS) -> dict[str, Any]:
        """Return what one server process says of itself: project, instance, version, uptime."""
        found: dict[str, Any] = self.call("chunnel.status", options=_reading(options))
        return found

    @property
    def held_schema(self) -> Schema | None:
        """The newest schema held, if any; never a request."""
        return self._schemas.held

    @property
    def kept_schemas(self) -> tuple[Schema, ...]:
        """All schemas held, of servers of before as well; never a request."""
        return self._schemas.kept

    @property
    def current_schema(self) -> Schema | None:
        """The schema of the servers met last, if it is held; never a request."""
        return self._schemas.current

    def confirm_schema(self, after: float) -> bool:
        """Say whether the current schema is still the servers' own.

        A server is asked where none said so for ``after`` seconds. Raise what a call raises.
        """
        schema = self._schemas.current
        if schema is not None and self._schemas.age > after:
            self._schemas.saw(str(self.status(_reading(DEFAULT_OPTIONS)).get("fingerprint")))
        return schema is not None and self._schemas.current is schema

    def keep_schema(self, wire: Sequence[Any]) -> Schema:
        """Keep a schema that was fetched and return it; raise ValueError if it is none."""
        return self._schemas.keep(wire)

    def schema(self, options: CallOptions = DEFAULT_OPTIONS) -> Schema:
        """Return the schema of the servers met last, fetched where it is not held."""
        found = self._schemas.current
        if found is None:
            found = self.keep_schema(self.call("chunnel.schema", options=_reading(options)))
        return found


def _limits_of(settings: RemoteSettings) -> Limits:
    """Return what we accept: messages no larger than the frames that the transport lets through."""
    limits = Limits()
    if settings.backend is not None:  # its options are its own
        return limits
    most = chosen_options(ZMQ, settings.options).get("max_frame", limits.max_message)
    return Limits(max_message=max(MIN_MESSAGE, min(most, limits.max_message)))


def _reading(options: CallOptions) -> CallOptions:
    return options if options.effect else options.replace(effect="read")
