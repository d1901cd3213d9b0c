"""An exposed model, ready for use."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.test.utils import isolate_apps

from chunnel import ModelRPC
from chunnel.context import ServedCall
from chunnel.plans import QueryLimits
from chunnel.registry import ExposedModel, Registry, register, registry
from tests.apps.bank.models import Account, Branch


def test_the_gate_is_made_once_for_each_set_of_limits() -> None:
    exposed = registry.model(Account)
    assert exposed is not None
    assert exposed.rules() is exposed.rules()
    limits = QueryLimits(query_list=5)
    assert exposed.rules(limits) is exposed.rules(QueryLimits(query_list=5))
    assert exposed.rules(limits) is not exposed.rules()
    assert exposed.rules(limits).limits.query_list == 5


def test_get_queryset_is_given_the_call() -> None:
    seen: list[Any] = []
    own = Registry()

    class BranchRPC(ModelRPC):
        def get_queryset(self, context: ServedCall) -> Any:
            seen.append(context)
            return super().get_queryset(context)

    register(Branch, app_label="x", registry=own)(BranchRPC)
    exposed = own.model(Branch)
    assert exposed is not None
    call = ServedCall("1", "x.Branch.objects", "peer")
    assert exposed.get_queryset(call).model is Branch
    assert seen == [call]


def expose(model: Any) -> ExposedModel | None:
    own = Registry()
    register(model, app_label="x", registry=own)(type("RPC", (ModelRPC,), {}))
    return own.model(model)


@isolate_apps("tests.apps.bank")
def test_an_abstract_model() -> None:
    class Base(models.Model):
        class Meta:
            abstract = True
            app_label = "bank"

    with pytest.raises(ImproperlyConfigured, match="abstract"):
        expose(Base)


@isolate_apps("tests.apps.bank")
def test_a_name_that_is_no_class_name() -> None:
    class lower(models.Model):
        class Meta:
            app_label = "bank"
            managed = False

    with pytest.raises(ImproperlyConfigured, match="CapWords"):
        expose(lower)


@isolate_apps("tests.apps.bank")
def test_methods_that_cannot_be_yet() -> None:
    class WithCoroutine(models.Model):
        class Meta:
            app_label = "bank"
            managed = False

        async def fetch(self) -> None: ...

    own = Registry()
    with pytest.raises(ImproperlyConfigured, match="'fetch' is a coroutine"):
        register(WithCoroutine, app_label="x", registry=own)(
            type("RPC", (ModelRPC,), {"methods": ["fetch"]})
        )


@isolate_apps("tests.apps.bank")
def test_the_docstring_is_the_models_own() -> None:
    """Django writes one where there is none; that one says nothing."""

    class Undocumented(models.Model):
        class Meta:
            app_label = "bank"
            managed = False

    exposed = expose(Undocumented)
    assert exposed is not None
    assert exposed.schema.doc == ""
