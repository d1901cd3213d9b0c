"""The page in a real browser, under a policy that allows nothing inline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from chunnel.registry import expose, registry

from ..browser import chromium


def strict(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Middleware that lets the browser refuse everything inline."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
        return response

    return middleware


def seen_in_the_browser(uid: int) -> str:
    """Say something."""
    return str(uid)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path) as found:
        yield found


@pytest.fixture
def page(browser: Chrome, live_server: Any, settings: Any) -> Iterator[Chrome]:
    """The page, opened by somebody who may see it."""
    settings.MIDDLEWARE = [f"{__name__}.strict", *settings.MIDDLEWARE]
    expose(seen_in_the_browser, app_label="bank", effect="read")
    client = Client()
    client.force_login(User.objects.create_superuser("demo", password="demo"))
    browser.get(f"{live_server.url}/admin/login/")
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    browser.get(f"{live_server.url}/admin/chunnel/rpcapi/")
    try:
        yield browser
    finally:
        registry.remove("bank.seen_in_the_browser")


def shown(browser: Chrome) -> set[str]:
    entries = browser.find_elements(By.CSS_SELECTOR, ".rpc-app > .rpc-entry")
    return {entry.get_attribute("id") or "" for entry in entries if entry.is_displayed()}


@pytest.mark.django_db(transaction=True)
def test_typing_narrows_the_page(page: Chrome) -> None:
    """While one types only what fits stays, in the list and in the contents."""
    assert len(shown(page)) > 1
    page.find_element(By.ID, "rpc-q").send_keys("Seen_in browser")
    WebDriverWait(page, 10).until(lambda b: shown(b) == {"bank.seen_in_the_browser"})
    links = page.find_elements(By.CSS_SELECTOR, ".rpc-link a")
    assert [link.text for link in links if link.is_displayed()] == ["bank.seen_in_the_browser"]
    page.find_element(By.ID, "rpc-q").submit()
    WebDriverWait(page, 10).until(lambda b: "?q=" in b.current_url)
    assert shown(page) == {"bank.seen_in_the_browser"}


@pytest.mark.django_db(transaction=True)
def test_a_link_leads_to_its_entry(page: Chrome) -> None:
    """The entry it names comes into view."""
    page.find_element(By.CSS_SELECTOR, '.rpc-link a[href="#bank.seen_in_the_browser"]').click()
    assert page.current_url.endswith("#bank.seen_in_the_browser")
    top = page.execute_script(
        "return document.getElementById('bank.seen_in_the_browser').getBoundingClientRect().top"
    )
    assert -1 <= top < page.get_window_size()["height"]


@pytest.mark.django_db(transaction=True)
def test_the_policy_refuses_nothing_on_it(page: Chrome) -> None:
    """The console of the browser has no complaint."""
    complaints = [entry["message"] for entry in page.get_log("browser")]
    assert [text for text in complaints if "favicon.ico" not in text] == []


@pytest.mark.django_db(transaction=True)
def test_it_follows_light_and_dark(page: Chrome) -> None:
    """Text and code block take the admin's colours in both; they never are alike."""
    colours = set()
    for theme in ("light", "dark"):
        page.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": theme}]},
        )
        block = page.find_element(By.CSS_SELECTOR, ".rpc-code")
        pair = block.value_of_css_property("color"), block.value_of_css_property("background-color")
        assert pair[0] != pair[1]
        colours.add(pair)
    assert len(colours) == 2
