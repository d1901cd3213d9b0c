"""What a held schema allows of a model's queries, so that a refusal need not travel."""

from __future__ import annotations

from functools import partial

from ..plans import Rules
from ..schema import ModelSchema, Schema
from .remotes import Remote
from .signature import find_model

_MOST = 1_000  # rules kept; schemas come and go with deployments

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


def _named(schema: Schema, label: str) -> ModelSchema | None:
    app, _, name = label.partition(".")
    return find_model(schema, app, name)
