"""A server is replaced by one with another schema, and its clients go on without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from chunnel import CallError, FieldNotFetched, QueryRefused, remote, remotes
from chunnel.client import rules

from ..live import address_of, free_port, run, running, until
from .conftest import serve

pytestmark = pytest.mark.leaks("the client keeps its connections; they are closed by the fixture")

MODELS = """
from django.db import models

class Item(models.Model):
    name = models.CharField(max_length=20)
    colour = models.CharField(max_length=20, default="red")
    weight = models.IntegerField(default=3)

    class Meta:
        app_label = "shop"
"""
RPC = """
import os
from chunnel import ModelRPC, expose, register
from .models import Item

gone = os.environ["SHOP_WITHOUT"]
shown = tuple(each for each in ("id", "name", "colour", "weight") if each != gone)

@register(Item)
class ItemRPC(ModelRPC):
    fields = shown
    filter_fields = {each: ("exact", "in", "gt") for each in shown}
    ordering_fields = shown
    writable_fields = shown[1:]
    can_create = True
    can_delete = True

@expose(effect="read")
def items():
    return Item.objects.order_by("pk")
"""
SETTINGS = """
from tests.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "shop"]
"""
OLD, NEW = "weight", "colour"  # what each schema does not have


class Shop:
    """The servers of one shop, one after another at the same port or beside each other."""

    def __init__(self, folder: Path, stack: ExitStack):
        self._env = {
            "CHUNNEL_TEST_DATABASE": str(folder / "shop.sqlite3"),
            "PYTHONPATH": str(folder),
            "SHOP_WITHOUT": OLD,
        }
        self.ports = (free_port(), free_port())
        self._stack = stack
        self._running: dict[int, ExitStack] = {}
        package = folder / "shop"
        package.mkdir()
        for name, text in (("__init__", ""), ("models", MODELS), ("rpc", RPC)):
            (package / f"{name}.py").write_text(text)
        (folder / "drift_settings.py").write_text(SETTINGS)
        command = ("-m", "django", "migrate", "--run-syncdb", "--settings", "drift_settings")
        done = run(*command, "-v", "0", env=self._env)
        assert done.returncode == 0, done.stderr

    def serve(self, without: str, which: int = 0) -> None:
        """Serve in place of whoever served at this port."""
        self.stop(which)
        own = self._running[which] = ExitStack()
        self._stack.callback(own.close)
        command = serve(str(self.ports[which]), settings="drift_settings")
        server = own.enter_context(running(*command, env={**self._env, "SHOP_WITHOUT": without}))
        address_of(server)

    def stop(self, which: int = 0) -> None:
        if which in self._running:
            self._running.pop(which).close()


@pytest.fixture
def shop(tmp_path: Path, settings: Any) -> Iterator[Shop]:
    with ExitStack() as stack:
        made = Shop(tmp_path, stack)
        addresses = [f"tcp://127.0.0.1:{port}" for port in made.ports]
        settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": addresses[:1], "TIMEOUT": 20}}
        stack.callback(remotes["economy"].close)
        yield made


@contextmanager
def _says(error: type[Exception], name: str) -> Iterator[None]:
    """Expect an error that names the model and the field."""
    with pytest.raises(error) as raised:
        yield
    assert name in str(raised.value)
    assert "Item" in str(raised.value)


@pytest.fixture
def items(shop: Shop) -> Any:
    """The manager, with the old schema held, ten items there, and then the new server."""
    shop.serve(OLD)
    found = remote.economy.shop.Item
    remotes["economy"].schema()
    found.objects.bulk_create([found(name=f"n{number}") for number in range(10)])
    assert remotes["economy"].current_schema is not None
    return found


class TestReplaced:
    def test_what_is_new_is_usable(self, shop: Shop, items: Any) -> None:
        with _says(QueryRefused, "weight"):
            items.objects.filter(weight=3)
        before = remotes["economy"].schema().fingerprint
        shop.serve(NEW)
        rows = list(items.objects.order_by("pk"))
        assert remotes["economy"].schema().fingerprint != before
        assert rows[0].weight == 3
        assert items.objects.filter(weight=3).count() == 10
        assert items.objects.values_list("weight", flat=True)[0] == 3
        assert {field.name for field in items._meta.get_fields()} == {"id", "name", "weight"}
        rows[0].weight = 4
        rows[0].save()
        assert items.objects.get(weight__gt=3) == rows[0]
        made = items(name="new", weight=9)
        made.save()
        made.refresh_from_db()
        assert (made.weight, items.objects.create(name="x", weight=8).weight) == (9, 8)

    def test_before_anything_is_asked_of_the_new_server(
        self, shop: Shop, items: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A schema that no server confirmed for a while refuses nothing by itself."""
        shop.serve(NEW)
        monkeypatch.setattr(rules, "CONFIRMED", -1.0)
        assert items.objects.filter(weight=3).count() == 10

    def test_what_is_gone(self, shop: Shop, items: Any) -> None:
        row = items.objects.order_by("pk").first()
        written = items.objects.filter(colour="red")
        chosen = items.objects.values("colour")
        refined = remote.economy.shop.items().filter(colour="red")
        shop.serve(NEW)
        # By the server, as long as nobody here knows …
        for queryset in (written, chosen, refined):
            with _says(QueryRefused, "colour"):
                list(queryset)
        with _says(QueryRefused, "colour"):
            items.objects.aggregate(n=_count("colour"))
        # … and here, once the schema is fetched.
        remotes["economy"].schema()
        for ask in (
            lambda: items.objects.filter(colour="red"),
            lambda: items.objects.values("colour"),
            lambda: items.objects.order_by("colour"),
            lambda: items.objects.only("colour"),
            lambda: items.objects.update(colour="blue"),
            lambda: items.objects.create(colour="blue"),
        ):
            with _says(QueryRefused, "colour"):
                ask()
        assert row.colour == "red"  # it was fetched when it still was there
        with pytest.raises(AttributeError, match=r"'shop\.Item' object has no attribute 'colour'"):
            _ = items.objects.first().colour
        fresh = items.objects.first()
        with pytest.raises(AttributeError, match="colour"):
            fresh.get_colour_display()

    def test_instances_of_before(self, shop: Shop, items: Any) -> None:
        """They keep what they have, can be saved, and cannot save what is gone."""
        row, other = items.objects.order_by("pk")[:2]
        lacking = items.objects.order_by("pk").only("name").first()
        shop.serve(NEW)
        row.name = "renamed"
        row.save()
        assert items.objects.get(pk=row.pk).name == "renamed"
        row.refresh_from_db()
        assert (row.name, row.weight) == ("renamed", 3)
        other.colour = "blue"
        with _says(QueryRefused, "colour"):
            other.save()
        with pytest.raises(ValueError, match=r"do not exist in this model.*colour"):
            other.save(update_fields=["colour"])
        other.name = "other"
        other.save(update_fields=["name"])
        assert items.objects.get(pk=other.pk).name == "other"
        with pytest.raises((AttributeError, FieldNotFetched), match="colour"):
            _ = lacking.colour
        assert row.delete()[0] == 1

    def test_asynchronous_code(self, shop: Shop, items: Any) -> None:
        """It never waits for a schema in the event loop."""
        row = items.objects.order_by("pk").first()
        shop.serve(NEW)

        async def main() -> Any:
            first = await items.objects.order_by("pk").afirst()
            row.name = "renamed"
            await row.asave()
            first.weight = 5
            await first.asave()
            with _says(QueryRefused, "colour"):
                await items.objects.filter(colour="red").acount()
            row.colour = "blue"
            with _says(QueryRefused, "colour"):
                await row.asave()
            return await items.objects.aget(weight=5)

        assert asyncio.run(main()).name == "renamed"

    def test_peers(self, shop: Shop, items: Any) -> None:
        rows = list(items.objects.order_by("pk").only("name").fetch_mode("peers"))
        shop.serve(NEW)
        with _says(Exception, "colour"):
            _ = rows[0].colour
        assert [each.weight for each in rows] == [3] * 10


def _count(name: str) -> Any:
    from django.db.models import Count

    return Count(name)


def test_two_schemas_beside_each_other(shop: Shop, items: Any, settings: Any) -> None:
    """While a deployment rolls, requests go to either, and each answers for itself."""
    shop.serve(NEW, 1)
    addresses = [f"tcp://127.0.0.1:{port}" for port in shop.ports]
    settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": addresses, "TIMEOUT": 20}}
    fields = set()
    fingerprints = set()

    def both_met() -> bool:
        row = items.objects.order_by("pk").first()
        fields.update(name for name in ("colour", "weight") if hasattr(row, name))
        fingerprints.add(remotes["economy"].schema().fingerprint)
        return len(fields) == 2

    until(both_met)
    for _ in range(10):
        assert items.objects.filter(name="n1").count() == 1
        row = items.objects.order_by("pk").only("name").first()
        row.name = row.name
        row.save()
    shop.stop(0)

    def only_new() -> bool:
        try:
            return bool(items.objects.filter(weight=3).count() == 10)
        except (CallError, QueryRefused):
            return False

    until(only_new)
    assert items.objects.first().weight == 3
