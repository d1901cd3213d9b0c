"""What a held schema allows of a model's queries, so that a refusal need not travel."""

from __future__ import annotations

from ..plans import Rules
from .remotes import Remote
from .signature import find_model

_MOST = 1_000  # rules kept; schemas come and go with deployments

_known: dict[tuple[str, str], Rules] = {}


def rules_for(remote: Remote, label: str) -> Rules | None:
    """Return the rules for a model by its remote name; None where nothing is known of it."""
    schema = remote.held_schema
    if schema is None:
        return None
    key = (schema.fingerprint, label)
    found = _known.get(key)
    if found is None:
        model = find_model(schema, *label.split("."))
        if model is None:
            return None
        if len(_known) >= _MOST:
            _known.clear()
        found = _known[key] = Rules(label, model)
    return found
