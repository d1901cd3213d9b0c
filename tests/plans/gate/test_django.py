"""What the gate lets through, asked of Django: it leads to nothing that is not declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db.models import ForeignObjectRel

from chunnel.exceptions import QueryRefused
from chunnel.plans import Plan, Values
from chunnel.registry import registry

MODELS = tuple(apps.get_app_config("library").get_models())
EXPOSED = {model: registry.model(model) for model in MODELS}


def names(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield every name that a model has in queries or on instances, with what it leads to."""
    yield "pk", None
    for field in model._meta.get_fields():
        related = field.related_model
        yield field.name, related
        if getattr(field, "attname", field.name) != field.name:
            yield field.attname, None
        accessor = field.get_accessor_name() if isinstance(field, ForeignObjectRel) else None
        if accessor not in {None, field.name}:
            yield accessor, related


def paths(model: Any, depth: int = 3) -> Iterator[str]:
    for name, related in names(model):
        yield name
        if related is not None and depth > 1:
            yield from (f"{name}__{rest}" for rest in paths(related, depth - 1))


@pytest.mark.parametrize("model", [each for each in MODELS if EXPOSED[each]])
def test_every_path_of_the_library(model: Any) -> None:
    """All that Django knows, declared or not, three names far."""
    exposed = EXPOSED[model]
    assert exposed is not None
    rules = exposed.rules()
    refused = 0
    for path in paths(model):
        try:
            rules.check(Plan(exposed.name, (Values((path,)),)), "rows")
        except QueryRefused:
            refused += 1
            continue
        query = model.objects.values(path).query
        (column,) = query.select
        field = column.target
        while field.is_relation:  # a key: of which row, it does not matter
            field = field.target_field
        owner = EXPOSED[field.model]
        assert owner is not None, path
        assert field.primary_key or field.name in owner.names, path
        assert "library_secret" not in str(query), path
    assert refused or "secrets" not in dict(names(model))
