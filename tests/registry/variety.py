"""Models with relations of all kinds, made anew for each test that exposes them."""

from __future__ import annotations

import functools
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test.utils import isolate_apps

from chunnel import ModelRPC
from chunnel.registry import ExposedModel, Registry, register


class Variety:
    """The models of a small shop, none of which has a table."""

    def __init__(self) -> None:
        with isolate_apps("django.contrib.contenttypes", "tests.apps.bank"):
            self._make()

    def _make(self) -> None:
        class Maker(models.Model):
            code = models.CharField(max_length=5, unique=True)
            name = models.CharField(max_length=50)

            class Meta:
                app_label = "bank"
                get_latest_by = "name"

        class Label(models.Model):
            word = models.CharField(max_length=20)

            class Meta:
                app_label = "bank"

        class Note(models.Model):
            content_type = models.ForeignKey(ContentType, models.CASCADE, related_name="+")
            object_id = models.IntegerField()
            about = GenericForeignKey()

            class Meta:
                app_label = "bank"

        class Thing(models.Model):
            """A thing."""

            title = models.CharField(max_length=50, default="x", db_index=True)
            price = models.DecimalField("what it costs", max_digits=8, decimal_places=2)
            maker = models.ForeignKey(Maker, models.CASCADE, null=True, to_field="code")
            labels = models.ManyToManyField(Label, related_name="things", blank=True)
            box = models.OneToOneField("self", models.CASCADE, null=True, related_name="boxed")
            unseen = models.ForeignKey(Label, models.CASCADE, null=True, related_name="+")
            notes = GenericRelation(Note)
            doubled = models.GeneratedField(
                expression=models.F("id") * 2, output_field=models.IntegerField(), db_persist=True
            )
            made = models.DateTimeField(auto_now_add=True)

            class Meta:
                app_label = "bank"

            @property
            def shout(self) -> str:
                """The title in capitals,
                for all to hear.

                More of it.
                """
                return self.title.upper()

            @functools.cached_property
            def whisper(self) -> str:
                return self.title.lower()

            @property
            def Loud(self) -> str:  # noqa: N802 - the culprit of a test
                return self.title

            def speak(self) -> str:
                return self.title

        self.maker, self.label, self.note, self.thing = Maker, Label, Note, Thing


def exposed(model: Any, registry: Registry | None = None, **declared: Any) -> ExposedModel:
    """Expose a model with this declaration and return how."""
    own = registry if registry is not None else Registry()
    rpc = type(f"{model.__name__}RPC", (ModelRPC,), declared)
    register(model, app_label="shop", registry=own)(rpc)
    found = own.model(model)
    assert found is not None
    return found
