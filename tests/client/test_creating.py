"""Making new instances by calling their class."""

from __future__ import annotations

import pytest

from chunnel import ConnectionLost, FieldNotFetched, remote
from chunnel.test import assertNumRPCs, override_remote

from .books import library  # noqa: F401 - a fixture

shelf = remote.economy.library


@pytest.mark.usefixtures("library")
class TestNew:
    """An instance without a row."""

    def test_values(self) -> None:
        """What is given is edited; the rest is what Django would make of it."""
        publisher = shelf.Publisher(name="Rialto", founded=None)
        assert isinstance(publisher, shelf.Publisher)
        assert (publisher.name, publisher.founded, publisher.pk, publisher.id) == (
            "Rialto",
            None,
            None,
            None,
        )
        assert publisher._state.adding
        assert publisher._state.db is None
        assert publisher._edited == {"name", "founded"}
        assert shelf.Book(isbn="1").title == ""
        assert shelf.Author(name="Kit").alias is None

    def test_defaults_of_the_server(self) -> None:
        """They are known over there alone."""
        with pytest.raises(FieldNotFetched, match=r"default is known over there\. save\(\)"):
            shelf.Publisher(name="Rialto").country

    def test_relations(self) -> None:
        """An instance or its key."""
        publisher = shelf.Publisher.objects.get(name="Aldus")
        with assertNumRPCs(0):
            book = shelf.Book(isbn="1", publisher=publisher)
            assert (book.publisher, book.publisher_id) == (publisher, publisher.pk)
            assert shelf.Book(isbn="1", publisher_id=7).publisher_id == 7
            assert shelf.Book(isbn="1").publisher is None
            with pytest.raises(shelf.Book.DoesNotExist, match="Loan has no book"):
                shelf.Loan().book

    def test_key(self) -> None:
        """It can be given as ``pk`` or by its own name, until it is saved."""
        tag = shelf.Tag(pk="new-one")
        assert (tag.pk, tag.slug, str(tag)) == ("new-one", "new-one", "Tag object (new-one)")
        tag.slug = "other"
        assert tag.pk == "other"
        assert tag == shelf.Tag(slug="other")
        assert hash(tag) == hash("other")
        assert shelf.Author(name="x") != shelf.Author(name="x")
        profile = shelf.Profile(author_id=3)
        assert profile.pk == 3

    def test_what_is_no_field(self) -> None:
        """It is refused in Django's words; so is what cannot be set."""
        with pytest.raises(TypeError, match=r"Tag\(\) got unexpected keyword arguments: 'x', 'y'"):
            shelf.Tag(x=1, y=2)
        with pytest.raises(TypeError, match="unexpected keyword arguments: 'shouted'"):
            shelf.Author(shouted="X")
        with pytest.raises(TypeError, match="by their names"):
            shelf.Tag("x")
        with pytest.raises(TypeError, match=r"books\.set\(\)"):
            shelf.Tag(books=[])

    def test_class_of_an_instance(self) -> None:
        """It makes new ones as well."""
        tag = shelf.Tag.objects.get(slug="loud")
        assert type(tag)(slug="x") == shelf.Tag(slug="x")
        assert "books" in dir(shelf.Tag(slug="x"))
        assert callable(shelf.Book(isbn="x").reprice)


def test_server_that_is_down() -> None:
    """What the name stands for is not known, and that is what is said."""
    with pytest.raises(ConnectionLost):
        shelf.Tag(slug="x")


def test_fakes() -> None:
    """The rows of a test take any field."""
    with override_remote("economy", {"money.Account": []}):
        account = remote.economy.money.Account(uid=1, owner="x")
        assert (account.uid, account.owner, account.pk) == (1, "x", None)
