"""Writing through remote querysets: what travels, and what is refused before it does."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, NotSupportedError
from django.db.models import F
from django.template import Context, Template

from chunnel import NotExposed, QueryRefused, remote, remotes
from chunnel.client.models import make_instance
from chunnel.plans import Of, Plan
from chunnel.test import assertNumRPCs, override_remote
from chunnel.values import InstanceRef, InstanceRow
from tests.apps.library import models as local

from .books import library  # noqa: F401 - a fixture

Book = remote.economy.library.Book
Publisher = remote.economy.library.Publisher
PUBLISHER = make_instance(Publisher, 3, (), ())
ROW = InstanceRow("library.Book", "1", ("isbn",), ("1",))
EMPTY: list[Any] = ["library.Book", []]
CHEAP = [*EMPTY[:1], [["filter", ["=", "price__lt", 5]]]]
PLUS = ["call", "+", [["f", "price"], ["value", 1, None]], []]

NEW = {
    "isbn": "1",
    "title": "One",
    "price": Decimal(3),
    "pages": 4,
    "added": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
}

CASES: list[tuple[str, Callable[[Any], Any], list[Any], Any, Any]] = [
    (
        "create",
        lambda m: m.create(title="x", publisher=PUBLISHER),
        [EMPTY, {"title": "x", "publisher": InstanceRef("library.Publisher", 3)}],
        ROW,
        "1",
    ),
    ("create", lambda m: m.filter(price__lt=5)[:3].create(title="x"), [EMPTY, {"title": "x"}],
     ROW, "1"),
    (
        "update",
        lambda m: m.filter(price__lt=5).update(price=F("price") + 1, title="x"),
        [CHEAP, [["price", PLUS], ["title", ["value", "x", None]]]],
        4,
        4,
    ),
    (
        "update",
        lambda m: m.filter(price__lt=5).update(publisher=PUBLISHER),
        [CHEAP, [["publisher", ["value", InstanceRef("library.Publisher", 3), None]]]],
        4,
        4,
    ),
    ("delete", lambda m: m.filter(price__lt=5).delete(), [CHEAP],
     [3, {"library.Book": 3}], (3, {"library.Book": 3})),
    (
        "get_or_create",
        lambda m: m.get_or_create(isbn="1", defaults={"title": "x", "pages": lambda: 3}),
        [EMPTY, [["isbn", "1"]], {"title": "x", "pages": 3}, None],
        [ROW, True],
        ("1", True),
    ),
    (
        "update_or_create",
        lambda m: m.update_or_create({"title": "x"}, {"title": "y"}, isbn__iexact="1"),
        [EMPTY, [["isbn__iexact", "1"]], {"title": "x"}, {"title": "y"}],
        [ROW, False],
        ("1", False),
    ),
    ("update_or_create", lambda m: m.update_or_create(isbn="1"),
     [EMPTY, [["isbn", "1"]], {}, None], [ROW, False], ("1", False)),
    (
        "bulk_update",
        lambda m: m.bulk_update(
            [make_instance(Book, "1", ("price", "title"), (Decimal(3), "x"))], ["title", "price"]
        ),
        [EMPTY, ["title", "price"], [["1", "x", Decimal(3)]]],
        1,
        1,
    ),
    (
        "bulk_update",
        lambda m: m.bulk_update([make_instance(Book, "1", ("publisher_id",), (3,))], ["publisher"]),
        [EMPTY, ["publisher"], [["1", 3]]],
        1,
        1,
    ),
]  # fmt: skip
IDS = [f"{name}-{number}" for number, (name, *_) in enumerate(CASES)]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.pk if hasattr(value, "pk") else value


@pytest.mark.parametrize(("name", "write", "travels", "answer", "expected"), CASES, ids=IDS)
def test_what_travels(
    name: str, write: Callable[[Any], Any], travels: list[Any], answer: Any, expected: Any
) -> None:
    """One call by the method's name, with plain values, and what the caller sees of its answer."""
    wire = f"library.Book.objects.{name}"
    with override_remote("economy", {wire: lambda *_: answer}), assertNumRPCs(1) as calls:
        assert _plain(write(Book.objects)) == expected
        assert calls[0].name == wire
        assert list(calls[0].args) == travels


class Twins:
    """Has the asynchronous methods under the names of their synchronous twins."""

    def __init__(self, queryset: Any):
        self._queryset = queryset

    def filter(self, **kwargs: Any) -> Twins:
        return Twins(self._queryset.filter(**kwargs))

    def __getitem__(self, k: Any) -> Twins:
        return Twins(self._queryset[k])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queryset, f"a{name}")


@pytest.mark.parametrize(("name", "write", "travels", "answer", "expected"), CASES, ids=IDS)
def test_async_twins(
    name: str, write: Callable[[Any], Any], travels: list[Any], answer: Any, expected: Any
) -> None:
    """The same call, and the same for the caller."""
    wire = f"library.Book.objects.{name}"

    async def ask() -> Any:
        return await write(Twins(Book.objects.all()))

    with override_remote("economy", {wire: lambda *_: answer}), assertNumRPCs(1) as calls:
        assert _plain(asyncio.run(ask())) == expected
        assert list(calls[0].args) == travels


def test_under_a_relation() -> None:
    """What a row is created under travels; what only reading knows does not."""
    books = type(Book.objects.all())(
        Book, Plan("library.Book", (Of("library.Publisher", 3, "books"),))
    )
    wire = "library.Book.objects.create"
    with override_remote("economy", {wire: lambda *_: ROW}), assertNumRPCs(1) as calls:
        books.filter(price__lt=5).create(title="x")
    assert calls[0].args[0] == ["library.Book", [["of", "library.Publisher", 3, "books"]]]


def test_nothing_to_write() -> None:
    """No request then."""
    with assertNumRPCs(0):
        assert Book.objects.none().update(title="x") == 0
        assert Book.objects.none().delete() == (0, {})
        assert Book.objects.bulk_create([]) == []
        assert Book.objects.bulk_update([], ["title"]) == 0
        assert Book.objects.update() == 0


def test_rows_that_were_read_are_forgotten() -> None:
    """After a write through the same queryset they are asked for again."""
    books = Book.objects.filter(price__lt=5)
    fakes: dict[str, Any] = {
        "library.Book.objects.update": lambda *_: 1,
        "library.Book.objects.delete": lambda *_: [1, {}],
    }
    with override_remote("economy", fakes):
        for write in (lambda: books.update(title="x"), books.delete):
            books._result_cache = [1]
            write()
            assert not books.is_evaluated


@pytest.mark.parametrize(
    "refused",
    [
        lambda m: m.create(title=F("title")),
        lambda m: m.get_or_create(isbn="1", defaults={"title": F("title")}),
        lambda m: m.bulk_update([make_instance(Book, 1, ("price",), (F("price"),))], ["price"]),
    ],
)
def test_expressions_where_values_belong(refused: Callable[[Any], Any]) -> None:
    """Only update() computes."""
    with assertNumRPCs(0), pytest.raises(NotSupportedError):
        refused(Book.objects)


def test_managers_do_not_delete() -> None:
    """As Django's: a whole table is emptied by all().delete() alone."""
    assert not hasattr(Book.objects, "delete")
    assert not hasattr(Book.objects, "adelete")


def test_templates_write_nothing() -> None:
    """What alters data is not called by naming it."""
    with assertNumRPCs(0):
        page = Template("{{ books.delete }}{{ books.create }}{{ books.update_or_create }}")
        assert page.render(Context({"books": Book.objects.all()})) == ""


class TestLive:
    """What a server makes of it."""

    def test_create_and_delete(self, library: str) -> None:  # noqa: F811
        """An instance comes back, of a row that is there."""
        blotter = Publisher.objects.get(name="Blotter")
        book = Book.objects.create(**NEW, publisher=blotter)
        assert (book.pk, book.title, book.publisher_id) == ("1", "One", blotter.pk)
        assert local.Book.objects.get(pk="1").publisher_id == blotter.pk
        again = Book.objects.create(**NEW | {"isbn": "2"}, publisher_id=blotter.pk)
        assert again.publisher_id == blotter.pk
        with pytest.raises(ValidationError) as caught:
            Book.objects.create(**NEW | {"isbn": "3", "pages": 0})
        assert caught.value.message_dict == {"pages": ["A book has pages."]}
        with pytest.raises(IntegrityError):
            Book.objects.create(**NEW)
        assert Book.objects.filter(isbn__in=["1", "2"]).delete() == (2, {"library.Book": 2})
        assert not local.Book.objects.filter(pk__in=["1", "2"]).exists()

    def test_update(self, library: str) -> None:  # noqa: F811
        """Values and expressions, of the rows of the plan alone."""
        cheap = Book.objects.filter(price__lt=10)
        before = dict(local.Book.objects.values_list("pk", "price"))
        with assertNumRPCs(1):
            assert cheap.update(price=F("price") + 1) == sum(each < 10 for each in before.values())
        for pk, price in local.Book.objects.values_list("pk", "price"):
            assert price == before[pk] + (1 if before[pk] < 10 else 0)
        blotter = Publisher.objects.get(name="Blotter")
        assert Book.objects.filter(isbn="9780000000000").update(publisher=blotter) == 1
        assert local.Book.objects.get(isbn="9780000000000").publisher_id == blotter.pk
        for held in (False, True):
            if held:
                remotes["economy"].schema()
            with pytest.raises(QueryRefused, match="shelf_price"):
                Book.objects.update(shelf_price=1)

    def test_either(self, library: str) -> None:  # noqa: F811
        """Found or created, and which of the two."""
        book, created = Book.objects.get_or_create(isbn="1", defaults=NEW | {"pages": lambda: 9})
        assert (book.pages, created) == (9, True)
        assert Book.objects.get_or_create(isbn="1", defaults=NEW) == (book, False)
        book, created = Book.objects.update_or_create({"title": "Two"}, isbn="1")
        assert (book.title, created) == ("Two", False)
        book, created = Book.objects.update_or_create({}, NEW | {"isbn": "5"}, isbn__iexact="5")
        assert (book.pk, created) == ("5", True)

    def test_bulk(self, library: str) -> None:  # noqa: F811
        """Many rows in one request."""
        made = [Book(**NEW | {"isbn": str(number)}) for number in range(3)]
        with assertNumRPCs(1):
            assert Book.objects.bulk_create(made) == made
        assert [each.pk for each in made] == ["0", "1", "2"]
        assert local.Book.objects.filter(pk__in=["0", "1", "2"], title="One").count() == 3
        for number, each in enumerate(made):
            each.title = f"New {number}"
        with assertNumRPCs(1):
            assert Book.objects.bulk_update(made, ["title"]) == 3
        titles = local.Book.objects.filter(pk__in=["0", "1", "2"]).order_by("pk")
        assert [each.title for each in titles] == ["New 0", "New 1", "New 2"]
        with pytest.raises(TypeError, match="takes its instances, not int"):
            Book.objects.bulk_create([3])

    def test_what_is_not_declared(self, library: str) -> None:  # noqa: F811
        """Refused by the server, and at once where the schema is held."""
        item = remote.economy.library.Item
        for held in (False, True):
            if held:
                remotes["economy"].schema()
            with assertNumRPCs(0 if held else 2):
                with pytest.raises(NotExposed, match="create"):
                    item.objects.create(label="x")
                with pytest.raises(NotExposed, match="delete"):
                    item.objects.all().delete()
