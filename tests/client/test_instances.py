"""What an instance takes over, and what counts as edited."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel import remote, remotes
from chunnel.client.models import make_instance
from chunnel.values import Relation

from .bank import bank  # noqa: F401 - a fixture
from .books import library  # noqa: F401 - a fixture

Account = remote.economy.money.Account
shelf = remote.economy.library


def _account(**fields: Any) -> Any:
    return make_instance(Account, 1, tuple(fields), fields.values(), "Ann")


class TestEditing:
    """To set an attribute that is a field is to edit it."""

    def test_fields(self) -> None:
        """What was fetched is known to be one; what else was set may be."""
        account = _account(uid=5)
        account.uid, account.note, account._private = 6, "x", 1
        assert (account.uid, account.note, account._private) == (6, "x", 1)
        assert account._unsaved == ["uid"]
        assert account._edited == {"uid", "note"}

    @pytest.mark.usefixtures("library")
    def test_by_the_schema(self) -> None:
        """It knows columns that were not fetched, and what cannot be set."""
        remotes["economy"].schema()
        author = shelf.Author.objects.only("name").get(name="Ada")
        author.alias, author.note = "x", "y"
        assert author._unsaved == ["alias"]
        with pytest.raises(AttributeError, match="has no setter"):
            author.shouted = "ADA"
        publisher = shelf.Publisher.objects.get(name="Aldus")
        publisher.size = 3
        assert (publisher.size, publisher._unsaved) == (3, [])

    @pytest.mark.usefixtures("library")
    def test_key(self) -> None:
        """That of a row stays; None makes a copy."""
        remotes["economy"].schema()
        tag = shelf.Tag.objects.get(slug="loud")
        tag.pk = tag.slug = "loud"
        for name in ("pk", "slug"):
            with pytest.raises(AttributeError, match="None for a copy"):
                setattr(tag, name, "other")
        tag.pk = None
        assert (tag.pk, tag.slug) == (None, None)


def test_update() -> None:
    """What a method changed is no edit."""
    account = _account(uid=5, owner="Ann", branch_id=1)
    account.uid, account.owner = 6, "Bo"
    account._related = {"branch": None}
    account._update({"uid": 7, "branch_id": 2, "pk": 9, "__str__": "Ann 7"})
    assert (account.uid, account.pk, str(account)) == (7, 9, "Ann 7")
    assert account._edited == {"owner"}
    assert "branch" not in account._related


def test_take() -> None:
    """All that another has, but for edits that are to be kept."""
    account = _account(uid=5, owner="Ann")
    account.uid, account.owner = 6, "Bo"
    other = make_instance(
        Account, 1, ("uid", "owner", "kind"), (8, "Cy", "x"), "Cy", ("deposit",), (_relation(),)
    )
    account._take(other, {"owner"})
    assert (account.uid, account.owner, account.kind) == (8, "Bo", "x")
    assert (account._edited, account._methods) == ({"owner"}, ("deposit",))
    assert account._fetched == ("uid", "owner", "kind")
    assert account._relations == (_relation(),)


def _relation() -> Relation:
    return Relation("cards", "money.Card", many=True)


def test_adopt() -> None:
    """One field more; what was there stays."""
    account = _account(uid=5)
    other = make_instance(Account, 1, ("uid", "kind"), (9, "x"))
    other.__dict__["_related"] = {"branch": None}
    account._adopt(other, "kind")
    assert (account.uid, account.kind, account._fetched) == (5, "x", ("uid", "kind"))
    account._adopt(other, "branch")
    assert account._related == {"branch": None}
    assert all(account._has(name) for name in ("uid", "kind", "branch"))
    assert not account._has("owner")
