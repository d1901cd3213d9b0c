"""Fetch modes: what reading a field does that was not fetched."""

from __future__ import annotations

import asyncio
import gc
import pickle
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation

from chunnel import FieldNotFetched, remote, remotes
from chunnel.client.fetching import configured_mode, fetches_peers
from chunnel.test import assertNumRPCs, override_remote
from tests.apps.library import models as local

from .books import library  # noqa: F401 - a fixture

shelf = remote.economy.library
books = shelf.Book.objects


@pytest.fixture
def mode(settings: Any) -> Any:
    """Set the remote's FETCH_MODE."""

    def change(value: Any) -> None:
        settings.CHUNNEL_REMOTES = {
            "economy": {
                "ENDPOINTS": list(remotes["economy"].settings.endpoints),
                "FETCH_MODE": value,
            }
        }

    return change


class TestConfiguration:
    """The queryset says, else the model's setting, else the remote's."""

    def test_default(self) -> None:
        assert configured_mode(shelf.Book) == "raise"
        assert not fetches_peers(shelf.Book)
        assert fetches_peers(shelf.Book, "peers")

    def test_remote(self, mode: Any) -> None:
        mode("peers")
        assert fetches_peers(shelf.Book)
        assert not fetches_peers(shelf.Book, "raise")

    def test_models(self, mode: Any) -> None:
        mode({"library.Book": "peers"})
        assert fetches_peers(shelf.Book)
        assert not fetches_peers(shelf.Author)

    def test_url(self, settings: Any) -> None:
        settings.CHUNNEL_REMOTES = {"economy": "zmq://127.0.0.1:1/?fetch_mode=peers"}
        assert fetches_peers(shelf.Book)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("held", [False, True])
def test_deferred_columns_raise(held: bool) -> None:
    """Whether or not the schema is held, reading one says how to fetch it and asks nothing."""
    if held:
        remotes["economy"].schema()
    several = list(books.only("title"))[0]  # noqa: RUF015 - all of them are fetched
    alone = books.defer("pages", "publisher").get(isbn="9780000000001")
    with assertNumRPCs(0):
        for each in (several, alone, pickle.loads(pickle.dumps(alone))):
            with pytest.raises(FieldNotFetched, match=r"only\('pages'\)"):
                each.pages
            with pytest.raises(FieldNotFetched, match="publisher"):
                each.publisher_id
            with pytest.raises(FieldNotFetched, match=r"select_related\('publisher'\)"):
                each.publisher
            assert not hasattr(each, "pages")
            with pytest.raises(AttributeError, match="no attribute 'nothing'"):
                each.nothing
    alone.refresh_from_db()
    assert alone.pages == 41


@pytest.mark.usefixtures("library")
class TestPeers:
    """One request for all instances of the same result."""

    def test_columns(self) -> None:
        """A column is fetched for all; the first that nobody knows asks for the schema too."""
        found = list(books.only("title").order_by("isbn").fetch_mode("peers"))
        remotes["economy"].schema()
        with assertNumRPCs(1) as calls:
            assert found[0].pages == 40
            assert [each.pages for each in found] == list(
                local.Book.objects.order_by("isbn").values_list("pages", flat=True)
            )
        assert calls[0].args[0][1][-1] == ["only", ["pages"]]
        with assertNumRPCs(1):
            assert found[3].price == local.Book.objects.get(isbn=found[3].isbn).price

    def test_deferred_columns_without_the_schema(self) -> None:
        """The rows say what was left out, so one request for the values is enough."""
        found = list(books.only("title").order_by("isbn").fetch_mode("peers"))
        with assertNumRPCs(1):
            assert [each.pages for each in found] == list(
                local.Book.objects.order_by("isbn").values_list("pages", flat=True)
            )
        with assertNumRPCs(1):
            assert found[1].publisher.name == "Blotter"
        alone = books.defer("pages").fetch_mode("peers").get(isbn="9780000000001")
        with assertNumRPCs(1):
            assert pickle.loads(pickle.dumps(alone)).pages == 41
        assert remotes["economy"].held_schema is None

    def test_without_the_schema(self) -> None:
        """It is fetched once, to know what is a field; nothing that others feel for asks."""
        found = list(books.only("title").order_by("isbn").fetch_mode("peers"))
        with assertNumRPCs(0):
            assert not hasattr(found[0], "toJSON")
            assert not hasattr(found[0], "resolve_expression")
        assert found[0].pages == 40
        with assertNumRPCs(0):
            assert not hasattr(found[0], "nothing_of_this_name")

    def test_foreign_keys(self) -> None:
        """What they lead to comes for all, each row once."""
        found = list(books.order_by("isbn").fetch_mode("peers"))
        with assertNumRPCs(1):
            publishers = [each.publisher for each in found]
        assert publishers[1] is publishers[5]
        assert [getattr(each, "name", None) for each in publishers] == list(
            local.Book.objects.order_by("isbn").values_list("publisher__name", flat=True)
        )

    def test_foreign_keys_that_were_set_here(self) -> None:
        """Each is fetched by what it was set to."""
        remotes["economy"].schema()
        one, other = books.order_by("isbn").fetch_mode("peers")[1:3]
        one.publisher_id = 1
        with assertNumRPCs(1):
            assert one.publisher.name == "Aldus"
        assert other.publisher.name == "Caxton"
        assert (one.publisher_id, one.publisher.name) == (1, "Aldus")

    def test_reverse_one_to_one(self) -> None:
        """Also where there is none for some."""
        found = list(shelf.Author.objects.order_by("id").fetch_mode("peers"))
        with assertNumRPCs(1):
            assert [hasattr(each, "profile") for each in found] == [True] * 6 + [False] * 4
        assert found[0].profile.bio == "Wrote Ada's life."

    def test_related_instances_are_peers(self) -> None:
        """What was fetched along fetches for all that came along."""
        found = list(
            books.select_related("sequel").filter(sequel__isnull=False).fetch_mode("peers")
        )
        with assertNumRPCs(1):
            assert [each.sequel.publisher.name for each in found if each.sequel.publisher]

    def test_computed_fields(self) -> None:
        """Properties and declared annotations are fetched in the same way."""
        remotes["economy"].schema()
        authors = list(shelf.Author.objects.only("name").order_by("id").fetch_mode("peers"))
        with assertNumRPCs(1):
            assert [each.shouted for each in authors][:2] == ["ADA", "BELA"]
        publishers = list(shelf.Publisher.objects.only("name").fetch_mode("peers"))
        with assertNumRPCs(1):
            assert sum(each.size for each in publishers) == 20

    def test_only_those_that_still_are(self) -> None:
        """The instances do not keep each other."""
        found = list(books.only("title").order_by("isbn").fetch_mode("peers"))
        remotes["economy"].schema()
        first, peers = found[0], found[0]._peers
        assert len(peers.alive()) == 24
        del found
        gc.collect()
        assert peers.alive() == [first]

    def test_in_parts(self) -> None:
        """A list of keys may have so many, so more take more requests."""
        local.Author.objects.bulk_create(
            local.Author(name=f"n{number}", joined="2020-01-01T00:00Z") for number in range(1_000)
        )
        found = list(shelf.Author.objects.only("name").fetch_mode("peers"))
        remotes["economy"].schema()
        with assertNumRPCs(2):
            assert found[1005].active
            assert all(hasattr(each, "active") for each in found)

    def test_gone(self) -> None:
        """A row that was deleted meanwhile is missed by who asks for it alone."""
        found = list(shelf.Tag.objects.only("slug").order_by("slug").fetch_mode("peers"))
        remotes["economy"].schema()
        local.Tag.objects.filter(slug=found[1].slug).delete()
        assert found[0].label == "Classic"
        with pytest.raises(shelf.Tag.DoesNotExist):
            found[1].label

    def test_one_instance(self) -> None:
        """It is a peer of itself, also after pickling."""
        remotes["economy"].schema()
        book = books.only("title").fetch_mode("peers").get(isbn="9780000000001")
        again = pickle.loads(pickle.dumps(book))
        assert again.pages == book.pages == 41

    def test_setting(self, mode: Any) -> None:
        """The setting counts for results of functions too."""
        mode({"library.Book": "peers"})
        [first, *rest] = list(shelf.cheap_books(10))
        with assertNumRPCs(1):
            assert [each.publisher_id and each.publisher.name for each in (first, *rest)]
        author = shelf.Author.objects.get(name="Dora")
        with pytest.raises(FieldNotFetched):
            author.mentor

    def test_event_loops(self) -> None:
        """Reading an attribute cannot be awaited, so nothing is asked in one."""
        book = books.fetch_mode("peers").get(isbn="9780000000001")

        async def read() -> None:
            with pytest.raises(SynchronousOnlyOperation):
                book.publisher

        asyncio.run(read())
        assert book.publisher.name == "Blotter"

    def test_new_instances(self) -> None:
        """They have no row to fetch from."""
        remotes["economy"].schema()
        book = shelf.Book(title="New")
        with assertNumRPCs(0), pytest.raises(FieldNotFetched, match="default is known over there"):
            book.genre


def test_fakes() -> None:
    """The rows of tests are peers as well."""
    rows = [{"id": number, "uid": number, "owner": f"o{number}"} for number in range(3)]
    with override_remote("economy", {"money.Account": rows}):
        found = list(remote.economy.money.Account.objects.only("uid").fetch_mode("peers"))
        assert [each.uid for each in found] == [0, 1, 2]
        assert not hasattr(found[0], "owner")  # no schema says that it is a field
