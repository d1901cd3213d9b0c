"""The government's pages and its tour, against a real economy."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

import pytest

from .conftest import manage


class Visitor:
    """A visitor with cookies, who can fill in a form."""

    def __init__(self, site: str):
        self.site = site
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> str:
        with self.opener.open(self.site + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **fields: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))
        assert token is not None
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        with self.opener.open(self.site + path, data, timeout=30) as answer:
            return str(answer.read().decode())


@pytest.fixture
def visitor(website: str) -> Visitor:
    return Visitor(website)


def balance(page: str) -> str:
    found = re.search(r"<dt>Balance</dt><dd>([\d.-]+) ", page)
    assert found is not None
    return found[1]


def test_the_list_is_paginated(visitor: Visitor) -> None:
    """Twenty-five of the thousand on a page."""
    first, last = visitor.get("/"), visitor.get("/?page=40")
    assert first.count('href="/citizens/') == 25
    assert "Page 1 of 40, 1000 citizens" in first
    assert 'rel="next"' in first
    assert 'rel="next"' not in last
    assert 'href="/citizens/1000/"' in last


def test_the_list_can_be_searched(visitor: Visitor) -> None:
    """The search is a filter over there, and pages keep it."""
    page = visitor.get("/?name=ada")
    names = re.findall(r'href="/citizens/\d+/">([^<]+)<', page)
    assert names
    assert all("ada" in name.casefold() for name in names)
    assert "name=ada&amp;page=2" in page


def test_a_citizen_has_a_page(visitor: Visitor) -> None:
    """With the account and the bookings; of one whom no other test pays."""
    page = visitor.get("/citizens/45/")
    assert "<dt>Number</dt><dd>45</dd>" in page
    assert page.count('<td class="number">') == 10


def test_nobody_is_not_found(visitor: Visitor) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        visitor.get("/citizens/5000/")
    caught.value.close()
    assert caught.value.code == 404


def test_a_tax_is_paid(visitor: Visitor) -> None:
    """The method runs over there; the page shows the new balance and the receipt."""
    before = float(balance(visitor.get("/citizens/43/")))
    page = visitor.post("/citizens/43/", amount="0.25")
    assert "Paid. The account now holds" in page
    assert float(balance(page)) == pytest.approx(before - 0.25)
    assert "0.25 on " in page


def test_a_tax_too_high_is_an_error_of_the_form(visitor: Visitor) -> None:
    """The remote exception stands beside the field, and nothing was taken."""
    before = balance(visitor.get("/citizens/44/"))
    page = visitor.post("/citizens/44/", amount="99999999.00")
    assert "99999999.00 was asked for." in page
    assert 'class="errorlist"' in page
    assert balance(page) == before


def test_the_budget_is_asynchronous(visitor: Visitor) -> None:
    page = visitor.get("/budget/")
    assert "<td>EUR</td>" in page
    assert "overdrawn" in page


def test_without_the_economy_there_is_a_page_of_its_own(government: dict[str, str]) -> None:
    """Status 503 and a sentence, not a traceback."""
    env = {**government, "ECONOMY_RPC": "zmq://127.0.0.1:1/?timeout=3"}
    check = (
        "from django.test import Client; c = Client(headers={'host': 'localhost'}); "
        "r = c.get('/'); print(r.status_code, 'does not answer' in r.content.decode())"
    )
    assert manage(env, "shell", "-v0", "-c", check) == "503 True\n"


def test_the_tour_shows_every_kind_of_call(government: dict[str, str]) -> None:
    said = manage(government, "tour")
    for text in (
        "economy.money.balance(42)",
        "except economy.money.InsufficientFunds",
        "balance() missing 1 required positional argument: 'uid'",
        "cannot be filtered by 'overdraft__gt'",
        "items",
    ):
        assert text in said
    assert re.search(r"of 100 calls served by process \d+ +100", said)
