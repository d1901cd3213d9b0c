"""Chunnel: calls between Django projects.

Importing this package imports nothing else: neither Django nor ZeroMQ nor the client. Each name is
fetched from its room when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client.names import remote as remote
    from .client.remotes import WriteInTransactionWarning as WriteInTransactionWarning
    from .client.remotes import remotes as remotes
    from .client.repeats import RepeatedRequestWarning as RepeatedRequestWarning
    from .context import current_call as current_call
    from .exceptions import UNSET as UNSET
    from .exceptions import AlreadyExposed as AlreadyExposed
    from .exceptions import CallCancelled as CallCancelled
    from .exceptions import CallError as CallError
    from .exceptions import CallRefused as CallRefused
    from .exceptions import CallTimeout as CallTimeout
    from .exceptions import ConnectionLost as ConnectionLost
    from .exceptions import FieldNotFetched as FieldNotFetched
    from .exceptions import NotExposed as NotExposed
    from .exceptions import PoolExhausted as PoolExhausted
    from .exceptions import ProtocolViolation as ProtocolViolation
    from .exceptions import QueryRefused as QueryRefused
    from .exceptions import RemoteError as RemoteError
    from .exceptions import SerializationError as SerializationError
    from .exceptions import ServerBusy as ServerBusy
    from .exceptions import TooManyRows as TooManyRows
    from .exceptions import UnknownRemote as UnknownRemote
    from .exceptions import UnsavedChanges as UnsavedChanges
    from .exceptions import UpstreamFailure as UpstreamFailure
    from .exceptions import WrongArguments as WrongArguments
    from .fields import PrefetchRemoteManager as PrefetchRemoteManager
    from .fields import PrefetchRemoteMixin as PrefetchRemoteMixin
    from .fields import PrefetchRemoteQuerySet as PrefetchRemoteQuerySet
    from .fields import RemoteForeignKey as RemoteForeignKey
    from .fields import aprefetch_remote as aprefetch_remote
    from .fields import prefetch_remote as prefetch_remote
    from .fields.forms import RemoteChoiceField as RemoteChoiceField
    from .fields.forms import RemoteKeyField as RemoteKeyField
    from .registry import ModelRPC as ModelRPC
    from .registry import expose as expose
    from .registry import register as register
    from .values import WireType as WireType

__version__ = "0.1.0"

_HOMES = {
    "expose": ".registry",
    "register": ".registry",
    "ModelRPC": ".registry",
    "remote": ".client.names",
    "remotes": ".client.remotes",
    "RepeatedRequestWarning": ".client.repeats",
    "WriteInTransactionWarning": ".client.remotes",
    "current_call": ".context",
    "WireType": ".values",
    **dict.fromkeys(
        (
            "PrefetchRemoteManager",
            "PrefetchRemoteMixin",
            "PrefetchRemoteQuerySet",
            "RemoteForeignKey",
            "aprefetch_remote",
            "prefetch_remote",
        ),
        ".fields",
    ),
    "RemoteChoiceField": ".fields.forms",
    "RemoteKeyField": ".fields.forms",
    **dict.fromkeys(
        (
            "UNSET",
            "AlreadyExposed",
            "CallCancelled",
            "CallError",
            "CallRefused",
            "CallTimeout",
            "ConnectionLost",
            "FieldNotFetched",
            "NotExposed",
            "PoolExhausted",
            "ProtocolViolation",
            "QueryRefused",
            "RemoteError",
            "SerializationError",
            "ServerBusy",
            "TooManyRows",
            "UnknownRemote",
            "UnsavedChanges",
            "UpstreamFailure",
            "WrongArguments",
        ),
        ".exceptions",
    ),
}

__all__ = [  # noqa: PLE0604 - the names stand once, in the table above
    "__version__",
    *_HOMES,
]


if not TYPE_CHECKING:  # a type checker would believe that every name exists

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(home, __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
