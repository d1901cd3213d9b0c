"""What a held schema allows of a model's queries, so that a refusal need not travel.

A schema that is held may be out of date: a server that was deployed anew says so when it is dialled
again, and a client that refuses for itself would never dial. So before a refusal is raised on the
word of a schema that no server confirmed for a while, one is asked whether it still has it, which
is the only request that chaining can make; where it has another, the query goes there to be judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.core.exceptions import SynchronousOnlyOperation

from ..exceptions import CallError, NotExposed, QueryRefused, RemoteError
from ..plans import Rules
from ..schema import ModelSchema, Schema
from .remotes import Remote
from .signature import find_model

_MOST = 1_000  # rules kept; schemas come and go with deployments

CONFIRMED = 30.0  # seconds for which what a server said of its schema is taken for true

_known: dict[tuple[str, str], Rules] = {}


def rules_for(remote: Remote, label: str) -> Rules | None:
    """Return the rules for a model by its remote name; None where nothing is known of it.

    Only the schema of the servers met last counts: what an older one forbids may be allowed by now.
    """
    schema = remote.current_schema
    if schema is None:
        return None
    key = (schema.fingerprint, label)
    found = _known.get(key)
    if found is None:
        if _named(schema, label) is None:
            return None
        if len(_known) >= _MOST:
            _known.clear()
        found = _known[key] = Rules(label, partial(_named, schema))
    return found


@contextmanager
def refusing(remote: Remote) -> Iterator[None]:
    """Raise refusals that the servers' own schema gives; leave others to the servers."""
    try:
        yield
    except (QueryRefused, NotExposed):
        if _is_confirmed(remote):
            raise


def _is_confirmed(remote: Remote) -> bool:
    try:
        return remote.caller.confirm_schema(CONFIRMED)
    except (CallError, RemoteError, SynchronousOnlyOperation):
        return False  # nobody answers, or an event loop runs here: whoever evaluates will know


def _named(schema: Schema, label: str) -> ModelSchema | None:
    app, _, name = label.partition(".")
    return find_model(schema, app, name)
