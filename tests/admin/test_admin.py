"""The page through Django's own client: who may see it, and what stands on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import NoReverseMatch, reverse

from chunnel.registry import expose, registry

PAGE = "/admin/chunnel/rpcapi/"

pytestmark = pytest.mark.django_db


def shown_on_the_page(uid: int, *, note: str = "<none>") -> str:
    """Say ``<b>hello</b>`` to somebody."""
    return f"{uid} {note}"


@pytest.fixture(autouse=True)
def exposed() -> Iterator[None]:
    expose(shown_on_the_page, app_label="bank", effect="read")
    yield
    registry.remove("bank.shown_on_the_page")


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("clerk", password="clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_the_index_leads_to_it(admin_client: Client) -> None:
    """It stands in the admin's index without a link to add something."""
    text = admin_client.get("/admin/").content.decode()
    assert "RPC API" in text
    assert PAGE in text
    assert f"{PAGE}add/" not in text


def test_it_lists_what_is_exposed(admin_client: Client) -> None:
    """Signature, docstring, options, anchor and snippet; everything escaped."""
    text = admin_client.get(PAGE).content.decode()
    assert 'id="bank.shown_on_the_page"' in text
    assert 'href="#bank.shown_on_the_page"' in text
    assert "shown_on_the_page(uid: int, *, note: str = &#x27;&lt;none&gt;&#x27;) -&gt; str" in text
    assert "<code>&lt;b&gt;hello&lt;/b&gt;</code>" in text
    assert "bank.shown_on_the_page(uid)" in text


def test_it_shows_what_a_model_has_and_allows(admin_client: Client) -> None:
    """Relations with a link, what is computed, and what callers may do with rows."""
    text = " ".join(admin_client.get(PAGE, {"q": "library author"}).content.decode().split())
    assert (
        '<code>books</code> <span class="rpc-tag">relation</span></th> '
        '<td> many <a href="#library.Book">library.Book</a></td>'
    ) in text
    assert '<code>shouted</code> <span class="rpc-tag">property</span></th> <td>str</td>' in text
    assert '<td>ForeignKey to <a href="#library.Author">library.Author</a></td>' in text
    assert '<span class="rpc-tag">can be deleted</span>' in text
    assert "<td>The name in capitals.</td>" in text
    computed = admin_client.get(PAGE, {"q": "library publisher"}).content.decode()
    assert '<code>size</code> <span class="rpc-tag">annotation</span>' in computed


def test_the_server_searches(admin_client: Client) -> None:
    """The box works without a script."""
    found = admin_client.get(PAGE, {"q": "shown_on"}).content.decode()
    assert 'id="bank.shown_on_the_page"' in found
    missed = admin_client.get(PAGE, {"q": "shown_on nowhere"}).content.decode()
    assert 'id="bank.shown_on_the_page"' not in missed
    assert "Nothing has these words." in missed


def test_the_query_is_escaped(admin_client: Client) -> None:
    """What somebody searched for cannot become a tag."""
    assert b"<script>x" not in admin_client.get(PAGE, {"q": '"><script>x'}).content


def test_nothing_on_it_is_inline(admin_client: Client) -> None:
    """A policy of ``default-src 'self'`` does not break it."""
    text = admin_client.get(PAGE).content.decode()
    assert not re.search(r"\sstyle=|\son\w+=|<style", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_the_view_permission_is_enough() -> None:
    """A member of staff with it sees the page and its place in the index."""
    client = staff("view_rpcapi")
    assert client.get(PAGE).status_code == 200
    assert PAGE in client.get("/admin/").content.decode()


def test_without_the_permission_it_is_refused() -> None:
    """To other staff the page is forbidden, and the index does not show it."""
    client = staff()
    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()


def test_strangers_are_sent_to_the_login(client: Client) -> None:
    response = client.get(PAGE)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("view", ["add", "change", "delete", "history"])
def test_there_is_nothing_to_edit(view: str) -> None:
    """The views that a model admin usually has do not exist, nor do their permissions."""
    arguments: dict[str, Any] = {} if view == "add" else {"args": ["x"]}
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:chunnel_rpcapi_{view}", **arguments)
    assert not Permission.objects.filter(codename=f"{view}_rpcapi").exists()


def test_the_migration_is_complete() -> None:
    """``makemigrations`` finds nothing to do, whatever DEFAULT_AUTO_FIELD says."""
    call_command("makemigrations", "chunnel", check=True, dry_run=True, stdout=StringIO())
