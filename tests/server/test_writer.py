"""What every write shares: the values it takes, the rows it may touch, who is asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from chunnel.plans import Call, Filter, Leaf, Literal, Ref
from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRef, InstanceRow
from tests.apps.library.models import Book, Category, Loan, Publisher
from tests.apps.library.rpc import BookRPC, PublisherRPC

from .caller import Failed
from .writes import Writes, changes, ref

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
FIRST = "9780000000000"
SECOND = "9780000000001"


def book(**more: Any) -> dict[str, Any]:
    """Return the values of a book."""
    return {"isbn": "1", "title": "One", "price": Decimal(3), "pages": 4, "added": NOW, **more}


# Every operation that takes values by name: what sets one name to one value.
ATTEMPTS: dict[str, Callable[[Writes, str, Any], tuple[Any, ...]]] = {
    "create": lambda w, name, value: w.on("Book", "create", book(**{name: value})),
    "bulk_create": lambda w, name, value: w.on(
        "Book", "bulk_create", [book(isbn="2"), book(**{name: value})], {}
    ),
    "update": lambda w, name, value: w.on("Book", "update", changes(**{name: Literal(value)})),
    "bulk_update": lambda w, name, value: w.on("Book", "bulk_update", [name], [[FIRST, value]]),
    "get_or_create": lambda w, name, value: w.on(
        "Book", "get_or_create", [["isbn", "1"]], book(**{name: value})
    ),
    "update_or_create, new": lambda w, name, value: w.on(
        "Book", "update_or_create", [["isbn", "1"]], book(**{name: value}), None
    ),
    "update_or_create, new by defaults of its own": lambda w, name, value: w.on(
        "Book", "update_or_create", [["isbn", "1"]], {}, book(**{name: value})
    ),
    "update_or_create": lambda w, name, value: w.on(
        "Book", "update_or_create", [["isbn", FIRST]], {name: value}, None
    ),
    "save, new": lambda _, name, value: (
        "library.Book.save", ref("Book", None), book(**{name: value}), {}
    ),
    "save": lambda _, name, value: ("library.Book.save", ref("Book", FIRST), {name: value}, {}),
    "save, some": lambda _, name, value: (
        "library.Book.save", ref("Book", FIRST), {name: value}, {"update_fields": [name]}
    ),
    "relate": lambda _, name, value: (
        "library.Publisher.relate", ref("Publisher", 1), "books", "create", book(**{name: value})
    ),
}  # fmt: skip
every_attempt = pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
not_under_a_relation = pytest.mark.parametrize(
    "attempt",
    [each for name, each in ATTEMPTS.items() if name != "relate"],
    ids=[name for name in ATTEMPTS if name != "relate"],
)


def snapshot() -> list[tuple[Any, ...]]:
    return list(Book.objects.order_by("pk").values_list())


class TestNames:
    @every_attempt
    @pytest.mark.parametrize(
        "name",
        ["shelf_price", "nonsense", "authors", "tags", "loans", "objects", "_state", "pk__in"],
    )
    def test_only_declared_ones(self, writes: Writes, attempt: Any, name: str) -> None:
        before = snapshot()
        with pytest.raises(Failed) as raised:
            writes(*attempt(writes, name, 1))
        if raised.value.code == FailureCode.RAISED:  # update_fields, in Django's own words
            assert raised.value.details["type"] == "ValueError"
            assert "do not exist in this model" in raised.value.message
        else:
            assert raised.value.code == FailureCode.QUERY_REFUSED
        assert snapshot() == before

    @pytest.mark.parametrize("attempt", [ATTEMPTS["create"], ATTEMPTS["update"], ATTEMPTS["save"]])
    def test_the_refusal_names_what_is_legal(self, writes: Writes, attempt: Any) -> None:
        found = writes.refused(*attempt(writes, "shelf_price", Decimal(1)))
        assert "'shelf_price'" in found.message
        assert "title" in found.message
        assert found.message.count("shelf_price") == 1

    def test_spellings(self, writes: Writes) -> None:
        writes(*writes.on("Book", "create", book(publisher_id=1)))
        values = book(pk="2")
        del values["isbn"]
        writes(*writes.on("Book", "create", values))
        assert Book.objects.get(pk="1").publisher_id == 1
        assert Book.objects.get(pk="2").title == "One"
        writes(*writes.on("Book", "update", changes(publisher_id=Literal(3))))
        assert set(Book.objects.values_list("publisher", flat=True)) == {3}

    def test_twice_the_same(self, writes: Writes) -> None:
        code = FailureCode.MALFORMED
        twice = {"publisher": 1, "publisher_id": 2}
        writes.refused(*writes.on("Book", "create", book(**twice)), code=code)
        named = changes(publisher=Literal(1), publisher_id=Literal(2))
        writes.refused(*writes.on("Book", "update", named), code=code)
        names = ["publisher", "publisher_id"]
        writes.refused(*writes.on("Book", "bulk_update", names, [[FIRST, 1, 2]]), code=code)

    @pytest.mark.parametrize("name", ["pk", "isbn"])
    @pytest.mark.parametrize(
        "attempt",
        [
            ATTEMPTS["update"],
            ATTEMPTS["bulk_update"],
            ATTEMPTS["save"],
            ATTEMPTS["update_or_create"],
        ],
    )
    def test_the_key_of_a_row_that_exists(self, writes: Writes, attempt: Any, name: str) -> None:
        found = writes.refused(*attempt(writes, name, "7"))
        assert "key" in found.message
        assert not Book.objects.filter(pk="7").exists()

    def test_a_key_that_is_not_writable(self, writes: Writes) -> None:
        for name in ("id", "pk"):
            writes.refused(*writes.on("Publisher", "create", {name: 77, "name": "P"}))


class TestReferences:
    @not_under_a_relation
    def test_an_instance_or_the_key(self, writes: Writes, attempt: Any) -> None:
        for value, key in ((ref("Publisher", 3), 3), (4, 4), ("2", 2)):
            Book.objects.filter(pk__in=("1", "2")).delete()
            writes(*attempt(writes, "publisher", value))
            assert Book.objects.filter(publisher=key, pk__in=("1", FIRST)).exists()

    @not_under_a_relation
    def test_one_out_of_scope_is_as_one_that_is_missing(
        self, writes: Writes, attempt: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            PublisherRPC, "get_queryset", lambda self, context: Publisher.objects.exclude(pk=3)
        )
        texts = set()
        for value in (ref("Publisher", 3), 3, ref("Publisher", 999), 999):
            found = writes.raised(
                "django.core.exceptions.ValidationError", *attempt(writes, "publisher", value)
            )
            errors = found.details["data"]["dict"]
            assert list(errors) == ["publisher"]
            assert errors["publisher"][0]["code"] == "invalid"
            texts.add(found.message.replace("999", "3"))
        assert len(texts) == 1
        assert not Book.objects.filter(pk="1").exists()

    @not_under_a_relation
    @pytest.mark.parametrize(
        "value",
        [
            "x",
            [1],
            {"a": 1},
            10**30,
            InstanceRef("library.Author", 1),
            InstanceRef("library.Secret", 1),
            InstanceRef("library.Publisher", None),
            InstanceRef("library.Publisher", [1]),
            InstanceRow("library.Publisher", 1, (), ()),
        ],
        ids=repr,
    )
    def test_forged(self, writes: Writes, attempt: Any, value: Any) -> None:
        assert list(writes.invalid(*attempt(writes, "publisher", value))) == ["publisher"]

    @not_under_a_relation
    def test_may_it_be_viewed(
        self, writes: Writes, attempt: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(PublisherRPC, "has_view_permission", lambda *_: False)
        found = writes.refused(*attempt(writes, "publisher", 3), code=FailureCode.DENIED)
        assert found.message == "You may not view library.Publisher."

    def test_what_is_no_relation_takes_none(self, writes: Writes) -> None:
        for value in (ref("Book", FIRST), InstanceRow("library.Book", FIRST, (), ())):
            assert list(writes.invalid(*writes.on("Book", "create", book(title=value)))) == [
                "title"
            ]

    def test_a_foreign_key_to_another_field(self, writes: Writes) -> None:
        for number, parent in enumerate(("maths", ref("Category", 3))):
            values = {"code": f"n{number}", "name": "N", "parent": parent}
            row = writes(*writes.on("Category", "create", values))
            assert row.values[row.names.index("parent_id")] == "maths"
        assert Category.objects.filter(parent__name="Maths", name="N").count() == 2
        assert list(
            writes.invalid(
                *writes.on("Category", "create", {"code": "n", "name": "N", "parent": 3})
            )
        ) == ["parent"]

    def test_none(self, writes: Writes) -> None:
        writes("library.Book.save", ref("Book", SECOND), {"publisher": None}, {})
        assert Book.objects.get(pk=SECOND).publisher is None
        code = writes.invalid(
            "library.Loan.save",
            ref("Loan", Loan.objects.first().pk),  # type: ignore[union-attr]
            {"book": None},
            {},
        )
        assert code == {"book": ["null"]}

    def test_many_of_one_model_are_one_query(self, writes: Writes) -> None:
        rows = [book(isbn=str(number), publisher=number % 4 + 1) for number in range(40)]
        found = writes.statements(lambda: writes(*writes.on("Book", "bulk_create", rows, {})))
        assert len(found) == 2
        assert Book.objects.filter(publisher=4, title="One").count() == 10


class TestCleaning:
    @every_attempt
    @pytest.mark.parametrize(
        ("name", "value", "code"),
        [
            ("pages", -1, "min_value"),
            ("pages", "many", "invalid"),
            ("pages", None, "null"),
            ("price", Decimal("1.234"), "max_decimal_places"),
            ("title", "", "blank"),
            ("title", "x" * 201, "max_length"),
            ("genre", "romance", "invalid_choice"),
            ("published", "1999-13-01", "invalid_date"),
        ],
    )
    def test_every_field(
        self, writes: Writes, attempt: Any, name: str, value: Any, code: str
    ) -> None:
        before = snapshot()
        found = writes.invalid(*attempt(writes, name, value))
        assert found == {name: [code]}
        assert snapshot() == before

    @pytest.mark.parametrize(
        "attempt", [each for name, each in ATTEMPTS.items() if name != "update"]
    )
    def test_the_models_own(self, writes: Writes, attempt: Any) -> None:
        found = writes.raised(
            "django.core.exceptions.ValidationError", *attempt(writes, "pages", 0)
        )
        assert found.message == "A book has pages."

    def test_what_cannot_be_written_is_not_judged(self, writes: Writes) -> None:
        Book.objects.filter(pk=FIRST).update(shelf_price=Decimal(-1), title="")
        writes("library.Book.save", ref("Book", FIRST), {"pages": 3}, {})
        assert Book.objects.get(pk=FIRST).pages == 3

    def test_unique(self, writes: Writes) -> None:
        taken = {"name": "Caxton"}
        for attempt in (
            writes.on("Publisher", "create", taken),
            writes.on("Publisher", "get_or_create", [["name", "New"]], taken),
            writes.on("Publisher", "update_or_create", [["name", "New"]], {}, taken),
            writes.on("Publisher", "update_or_create", [["id", 1]], taken, None),
            ("library.Publisher.save", ref("Publisher", None), taken, {}),
            ("library.Publisher.save", ref("Publisher", 1), taken, {}),
        ):
            assert writes.invalid(*attempt) == {"name": ["unique"]}
        for attempt in (
            writes.on("Publisher", "bulk_create", [taken], {}),
            writes.on("Publisher", "update", changes(name=Literal("Caxton"))),
            writes.on("Publisher", "bulk_update", ["name"], [[1, "Caxton"]]),
        ):
            found = writes.raised("django.db.utils.IntegrityError", *attempt)
            assert found.message == (
                "library.Publisher: the database refused this; a value that must be unique is "
                "there already."
            )

    def test_constraints(self, writes: Writes) -> None:
        first, second = Loan.objects.filter(desk="east")[:2]
        found = writes.raised(
            "django.core.exceptions.ValidationError",
            "library.Loan.save", ref("Loan", first.pk), {"number": second.number}, {},
        )  # fmt: skip
        assert found.message == "Loan with this Desk and Number already exists."
        writes.raised(
            "django.db.utils.IntegrityError",
            *writes.on("Loan", "update", changes(number=Literal(7), desk=Literal("x"))),
        )

    def test_unchanged_unique_fields_are_not_asked_for(self, writes: Writes) -> None:
        found = writes.statements(
            lambda: writes("library.Publisher.save", ref("Publisher", 1), {"country": "DE"}, {})
        )
        assert len(found) == 2  # it is loaded and updated


class TestScope:
    @pytest.fixture(autouse=True)
    def narrowed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            BookRPC, "get_queryset", lambda self, context: Book.objects.filter(withdrawn=False)
        )

    @every_attempt
    def test_a_row_must_stay_in_it(self, writes: Writes, attempt: Any) -> None:
        before = snapshot()
        found = writes.refused(*attempt(writes, "withdrawn", True), code=FailureCode.DENIED)
        assert "would not be among those that you may see" in found.message
        assert snapshot() == before

    @every_attempt
    def test_one_that_stays(self, writes: Writes, attempt: Any) -> None:
        writes(*attempt(writes, "title", "Another"))
        assert Book.objects.filter(title="Another", withdrawn=False).exists()

    def test_computed(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        longer = writes.on("Book", "update", changes(pages=Call("+", (Ref("pages"), Literal(1)))))
        hidden = list(Book.objects.filter(withdrawn=True).values_list())
        assert writes(*longer) == 22
        assert list(Book.objects.filter(withdrawn=True).values_list()) == hidden
        before = snapshot()
        monkeypatch.setattr(
            BookRPC, "get_queryset", lambda self, context: Book.objects.filter(pages__lt=300)
        )
        writes.refused(
            *longer[:1],
            longer[1],
            changes(pages=Call("*", (Ref("pages"), Literal(3)))),
            code=FailureCode.DENIED,
        )
        assert snapshot() == before

    def test_hidden_rows_are_not_there(self, writes: Writes) -> None:
        hidden = Book.objects.filter(withdrawn=True).values_list("pk", flat=True)[0]
        before = snapshot()
        missing = "library.Book.DoesNotExist"
        writes.raised(missing, "library.Book.save", ref("Book", hidden), {"title": "x"}, {})
        writes.raised(missing, "library.Book.delete", ref("Book", hidden))
        writes.raised(missing, "library.Book.relate", ref("Book", hidden), "tags", "add", ["rare"])
        assert writes(*writes.on("Book", "bulk_update", ["title"], [[hidden, "x"]])) == 0
        only = (Filter(Leaf("isbn", hidden)),)
        assert writes(*writes.on("Book", "update", changes(title=Literal("x")), steps=only)) == 0
        assert writes(*writes.on("Book", "delete", steps=only)) == [0, {}]
        writes.raised(
            "django.db.utils.IntegrityError",
            *writes.on("Book", "get_or_create", [["isbn", hidden]], book(isbn=hidden)),
        )
        assert snapshot() == before

    def test_ignored_conflicts_cannot_be_judged(self, writes: Writes) -> None:
        ignoring = writes.on("Book", "bulk_create", [book()], {"ignore_conflicts": True})
        found = writes.refused(*ignoring)
        assert "ignore_conflicts" in found.message
        assert not Book.objects.filter(pk="1").exists()

    def test_it_costs_a_query_only_where_rows_are_hidden(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run() -> Any:
            return writes("library.Book.save", ref("Book", FIRST), {"pages": 8}, {})

        assert len(writes.statements(run)) == 3
        monkeypatch.setattr(BookRPC, "get_queryset", lambda self, context: Book.objects.all())
        assert len(writes.statements(run)) == 2


class TestPermissions:
    @every_attempt
    def test_every_hook(
        self, writes: Writes, attempt: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What creates asks to add, what changes asks for each row, and both to view."""
        asked: list[tuple[str, Any]] = []
        for hook in ("view", "add", "change", "delete"):

            def ask(self: Any, context: Any, obj: Any = None, hook: str = hook) -> bool:
                asked.append((hook, obj and obj.pk))
                return True

            monkeypatch.setattr(BookRPC, f"has_{hook}_permission", ask)
        name, *args = attempt(writes, "title", "Another")
        writes(name, *args)
        kinds = {hook for hook, _ in asked}
        assert kinds in ({"view", "add"}, {"view", "change"})
        if "change" in kinds:
            changed = {pk for hook, pk in asked if hook == "change"}
            assert changed == set(Book.objects.filter(title="Another").values_list("pk", flat=True))

    @every_attempt
    @pytest.mark.parametrize("hook", ["view", "add", "change"])
    def test_a_no_leaves_all_as_it_was(
        self, writes: Writes, attempt: Any, hook: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = snapshot()
        call = attempt(writes, "title", "Another")
        monkeypatch.setattr(BookRPC, f"has_{hook}_permission", lambda *_: False)
        creates = _creates(call)
        if hook == ("change" if creates else "add"):
            writes(*call)
            return
        found = writes.refused(*call, code=FailureCode.DENIED)
        assert f"You may not {hook} " in found.message
        assert snapshot() == before

    def test_of_some_rows(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        def mine(self: Any, context: Any, obj: Any = None) -> bool:
            return obj is not None and obj.genre == "novel"

        monkeypatch.setattr(BookRPC, "has_change_permission", mine)
        novels = (Filter(Leaf("genre", "novel")),)
        new = changes(title=Literal("x"))
        assert writes(*writes.on("Book", "update", new, steps=novels)) == 8
        writes.refused(*writes.on("Book", "update", new), code=FailureCode.DENIED)
        rows = [[FIRST, "y"], [SECOND, "y"]]
        writes.refused(*writes.on("Book", "bulk_update", ["title"], rows), code=FailureCode.DENIED)
        assert Book.objects.filter(title="x").count() == 8
        assert not Book.objects.filter(title="y").exists()

    def test_asking_each_row_is_bounded(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(BookRPC, "has_change_permission", lambda *_: True)
        exposed = writes.caller.dispatcher.registry.model(Book)
        monkeypatch.setattr(exposed, "max_rows", 23)
        new = writes.on("Book", "update", changes(title=Literal("x")))
        writes.refused(*new, code=FailureCode.TOO_MANY_ROWS)
        monkeypatch.setattr(exposed, "max_rows", 24)
        assert writes(*new) == 24

    def test_once_where_no_row_matters(self, writes: Writes) -> None:
        new = writes.on("Book", "update", changes(title=Literal("x")))
        assert len(writes.statements(lambda: writes(*new))) == 1
        gone = writes.on("Loan", "delete")
        local = writes.statements(lambda: Loan.objects.all().delete())
        assert local
        assert len(writes.statements(lambda: writes(*gone))) <= len(local)


def _creates(call: tuple[Any, ...]) -> bool:
    name, *args = call
    if name.endswith(("objects.create", "bulk_create", "relate")):
        return True
    if name.endswith("or_create"):
        return args[1][0][1] == "1"
    return name.endswith("save") and args[0].pk is None
