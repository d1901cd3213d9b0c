"""Remote foreign keys in the admin, through Django's own client."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils.html import strip_tags

from chunnel.test import assertNumRPCs
from tests.apps.town.models import Citizen, Deed

from ..client.bank import bank  # noqa: F401 - a fixture
from ..fields.conftest import GONE, Town, down, town  # noqa: F401 - fixtures

CITIZENS = "/admin/town/citizen/"
DEEDS = "/admin/town/deed/"


@pytest.fixture
def client(town: Town) -> Client:  # noqa: F811
    made = Client()
    made.force_login(User.objects.create_superuser("root"))
    return made


def cells(html: str, name: str) -> list[str]:
    """Return the texts of a column of a list."""
    found = re.findall(rf'<t[dh] class="field-{name}[^"]*">(.*?)</t[dh]>', html)
    return [strip_tags(each) for each in found]


def get(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


class TestList:
    def test_one_request_for_a_page(self, client: Client) -> None:
        """What is missing is its key."""
        with assertNumRPCs(2) as calls:  # one for the column, one for the filter
            html = get(client, CITIZENS)
        assert {call.name for call in calls} == {"bank.Account.objects"}
        assert cells(html, "account") == ["o0 (0)", "o1 (1)", "o1 (1)", "-", str(GONE)]
        assert cells(html, "reads") == ["-"] * 5

    def test_links_and_order(self, client: Client) -> None:
        """Both are as of any other column."""
        html = get(client, f"{CITIZENS}?o=-2")
        assert cells(html, "account")[0] == str(GONE)
        assert len(re.findall(r'<td class="field-account[^"]*"><a href=', html)) == 5
        assert re.search(r'<a [^>]*href="\?o=2">Account</a>', html)

    def test_the_filter(self, client: Client) -> None:
        html = get(client, f"{CITIZENS}?account=1")
        assert cells(html, "name") == ["Bela", "Cem"]
        assert re.search(r'href="\?account=0"[^>]*>\s*o0 \(0\)', html)
        assert re.search(rf'href="\?account={GONE}"[^>]*>\s*{GONE}', html)
        assert cells(get(client, f"{CITIZENS}?account__isnull=True"), "name") == ["Dora"]

    def test_the_filter_counts(self, client: Client) -> None:
        html = get(client, f"{CITIZENS}?_facets=True")
        assert re.search(r'href="[^"]*account=1[^"]*"[^>]*>\s*o1 \(1\) \(2\)', html)

    def test_nobody_answers(self, client: Client, down: None) -> None:  # noqa: F811
        """The list is shown with keys, and says why."""
        html = get(client, CITIZENS)
        assert cells(html, "account") == ["0", "1", "1", "-", str(GONE)]
        assert "Another project does not answer now" in html

    def test_a_list_without_remote_columns(self, client: Client) -> None:
        with assertNumRPCs(0):
            html = get(client, DEEDS)
        assert cells(html, "branch_id") == [str(Deed.objects.get().branch_id)]


class TestForm:
    def path(self, instance: Any) -> str:
        return f"/admin/town/{instance._meta.model_name}/{instance.pk}/change/"

    def test_to_show_it_asks_nobody(self, client: Client, town: Town) -> None:  # noqa: F811
        with assertNumRPCs(0):
            html = get(client, self.path(town.bela))
        assert re.search(r'<input type="number" name="account" value="1"', html)

    def test_saving(self, client: Client, town: Town) -> None:  # noqa: F811
        street = town.ada.street_id
        data = {"name": "Ada", "street": street, "account": "3", "reads": ""}
        with assertNumRPCs(1):
            response = client.post(self.path(town.ada), data)
        assert response.status_code == 302
        assert Citizen.objects.get(name="Ada").account_id == 3
        response = client.post(self.path(town.ada), {**data, "account": str(GONE)})
        assert f"Account with uid {GONE} does not exist." in response.content.decode()

    def test_nobody_answers(self, client: Client, town: Town, down: None) -> None:  # noqa: F811
        """The form is shown, and takes what did not change."""
        data = {"name": "Berta", "street": town.bela.street_id, "account": "1", "reads": ""}
        assert 'value="1"' in get(client, self.path(town.bela))
        assert client.post(self.path(town.bela), data).status_code == 302
        assert Citizen.objects.get(name="Berta").account_id == 1

    def test_a_choice(self, client: Client, town: Town) -> None:  # noqa: F811
        with assertNumRPCs(1):
            html = get(client, self.path(town.deed))
        assert html.count("<option") == 3

    def test_a_choice_when_nobody_answers(
        self,
        client: Client,
        town: Town,  # noqa: F811
        down: None,  # noqa: F811
    ) -> None:
        html = get(client, self.path(town.deed))
        assert f'<input type="text" name="branch" value="{town.deed.branch_id}"' in html
        assert "The choices cannot be fetched now" in html

    def test_who_may_only_look(self, town: Town) -> None:  # noqa: F811
        clerk = User.objects.create_user("clerk", is_staff=True)
        clerk.user_permissions.set(Permission.objects.filter(codename="view_citizen"))
        client = Client()
        client.force_login(clerk)
        with assertNumRPCs(1):
            html = get(client, self.path(town.bela))
        assert '<div class="readonly">o1 (1)</div>' in html
