"""Settings: what they become, and what is said of those that cannot be used."""

from __future__ import annotations

import os
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from chunnel import conf
from chunnel.conf import parse_bind_address, parse_remote_url

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "endpoints"),
    [
        ("zmq://127.0.0.1", ["tcp://127.0.0.1:7070"]),
        ("zmq://10.0.0.7:7071/", ["tcp://10.0.0.7:7071"]),
        ("tcp://a.example:1,b.example:2", ["tcp://a.example:1", "tcp://b.example:2"]),
        ("zmq://[::1]:7070,[fd00::6]", ["tcp://[::1]:7070", "tcp://[fd00::6]:7070"]),
        ("zmq://db_1.internal,10.0.0.6:80", ["tcp://db_1.internal:7070", "tcp://10.0.0.6:80"]),
        ("ipc:///run/economy.sock", ["ipc:///run/economy.sock"]),
        ("ipc://@economy", None),
        ("memory://", ["memory://local"]),
        ("memory://economy", ["memory://economy"]),
        ("nats://broker:4222/economy", ["nats://broker:4222/economy"]),
    ],
)
def test_endpoints_of_a_url(url: str, endpoints: list[str] | None) -> None:
    """One URL names one or several endpoints, in the form transports take."""
    if endpoints is None:
        with pytest.raises(ImproperlyConfigured):
            parse_remote_url(url)
    else:
        assert parse_remote_url(url) == {"ENDPOINTS": endpoints}


def test_query_options() -> None:
    """The three known options become keys, all others OPTIONS, with numbers as numbers."""
    found = parse_remote_url(
        "zmq://10.0.0.7:7070,10.0.0.8:7070/?timeout=2.5&serializer=json&balancer=my.Balancer"
        "&max_connections=8&weight=0.5&zone=eu-1&server_key=abc%2Fdef"
    )
    assert found == {
        "ENDPOINTS": ["tcp://10.0.0.7:7070", "tcp://10.0.0.8:7070"],
        "TIMEOUT": 2.5,
        "SERIALIZER": "json",
        "BALANCER": "my.Balancer",
        "OPTIONS": {
            "max_connections": 8,
            "weight": 0.5,
            "zone": "eu-1",
            "server_key": "abc/def",
        },
    }
    assert type(found["OPTIONS"]["max_connections"]) is int


BAD_URLS = [
    f"zmq://user:{SECRET}@10.0.0.7:7070",
    f"zmq://user:{SECRET}/x@10.0.0.7",
    f"zmq://user:a?b={SECRET}@10.0.0.7",
    f"zmq://user:a#{SECRET}@10.0.0.7",
    f"zmq://{SECRET}@",
    f"zmq://host:{SECRET}",
    f"zmq://host/{SECRET}",
    f"zmq://host/?server_key={SECRET}&server_key={SECRET}",
    f"zmq://host/?{SECRET}",
    f"zmq://host/?={SECRET}",
    f"zmq://host/?Server-Key={SECRET}",
    f"zmq://host/?timeout={SECRET}",
    f"zmq://host/?key=x#{SECRET}",
    f"zmq://[{SECRET}",
    f"zmq://fd00::6:{SECRET}",
    SECRET,
    f"{SECRET}:7070",
    f"//{SECRET}",
    "",
    "zmq://",
    "zmq://,",
    "zmq://host,",
    "zmq://*:7070",
    "zmq://host:0",
    "zmq://host:65536",
    "zmq://host:123456",
    "zmq://host/?timeout=0",
    "zmq://host/?timeout=-1",
    "zmq://host/?timeout=nan",
    "zmq://host/?serializer=",
    "zmq://ho st",
    "ipc://",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_bad_url_is_explained_without_its_secrets(url: str) -> None:
    """A URL that cannot be read is refused; neither the message nor its causes repeat a secret."""
    with pytest.raises(ImproperlyConfigured) as caught:
        parse_remote_url(url)
    error: BaseException | None = caught.value
    assert str(error).endswith(".")
    assert SECRET not in str(error)
    assert caught.value.__suppress_context__


@given(st.text(string.printable, max_size=40))
def test_no_password_survives_into_a_message(noise: str) -> None:
    """Whatever stands around it, a password before an @ is never shown."""
    with pytest.raises(ImproperlyConfigured) as caught:
        parse_remote_url(f"zmq://me:{noise}{SECRET}{noise}@host")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "The remote URL has no scheme; write it like 'zmq://127.0.0.1:7070'."),
        ("a b://h", "The remote URL "),
        ("zmq://host:0", "The remote URL 'zmq://host:0' names a port that is not between 1 and "),
    ],
)
def test_a_bad_url_is_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        parse_remote_url(url)
    assert str(caught.value).startswith(sentence)
    assert "URL the URL" not in str(caught.value)


@pytest.mark.parametrize("text", ["99999", "here:now", "a b"])
def test_only_who_typed_an_address_sees_all_of_it(text: str) -> None:
    """In a setting it may have come from anywhere."""
    with pytest.raises(ImproperlyConfigured, match=f"The address '{text}' names"):
        conf.parse_bind_address(text, typed=True)
    with pytest.raises(ImproperlyConfigured, match="The address given names"):
        conf.parse_bind_address(text)
    with pytest.raises(ImproperlyConfigured) as caught:
        conf.parse_bind_address(f"tcp://me:{SECRET}@{text}", typed=True)
    assert SECRET not in str(caught.value)


def test_only_text_is_a_url() -> None:
    """A cast that was given something else says so."""
    with pytest.raises(ImproperlyConfigured, match="a string, not an int"):
        parse_remote_url(7070)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("7071", "tcp://127.0.0.1:7071"),
        ("0:7071", "tcp://0.0.0.0:7071"),
        ("[::]:7071", "tcp://[::]:7071"),
        ("localhost", "tcp://localhost:7070"),
        ("tcp://*:7071", "tcp://*:7071"),
        ("zmq://127.0.0.1", "tcp://127.0.0.1:7070"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
        ("ipc:///run/x", "ipc:///run/x"),
    ],
)
def test_bind_addresses(text: str, address: str) -> None:
    """An address is understood as ``runserver`` would understand it."""
    assert parse_bind_address(text) == address


@pytest.mark.parametrize(
    "text", ["70710000", "::7070", "a:b", "", "tcp://a,b", "tcp://a?x=1", f"tcp://u:{SECRET}@h"]
)
def test_bad_bind_addresses(text: str) -> None:
    """What is no address is refused, without its secrets."""
    with pytest.raises(ImproperlyConfigured) as caught:
        parse_bind_address(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("tcp://127.0.0.1:7070", True),
        ("tcp://127.8.0.1:7070", True),
        ("tcp://localhost:7070", True),
        ("tcp://[::1]:7070", True),
        ("ipc:///run/x", True),
        ("memory://x", True),
        ("tcp://0.0.0.0:7070", False),
        ("tcp://*:7070", False),
        ("tcp://[::]:7070", False),
        ("tcp://10.0.0.1:7070", False),
        ("tcp://127.0.0.1.example:7070", False),
        ("nats://127.0.0.1:4222/x", True),
    ],
)
def test_loopback(address: str, loopback: bool) -> None:
    """Only addresses that other machines cannot reach are loopback."""
    assert conf.is_loopback(address) is loopback


def test_remote_as_dict() -> None:
    """A dict says the same as a URL, and more."""
    value = {
        "ENDPOINTS": ["tcp://10.0.0.5:7070", "zmq://10.0.0.6"],
        "TIMEOUT": None,
        "BACKEND": "a.b.Transport",
        "OPTIONS": {"x": 1},
    }
    with override_settings(CHUNNEL_REMOTES={"economy": value}):
        found = conf.remote_settings("economy")
    assert found.endpoints == ("tcp://10.0.0.5:7070", "tcp://10.0.0.6:7070")
    assert (found.serializer, found.balancer) == ("msgpack", "round_robin")
    assert found.timeout is None
    assert found.backend == "a.b.Transport"
    assert found.options == {"x": 1}


def test_settings_are_read_again_when_they_change() -> None:
    """Tests change settings; what was read before is forgotten."""
    with override_settings(CHUNNEL_REMOTES={"a": "zmq://h:1"}, CHUNNEL_SERVER={"WORKERS": 3}):
        first = conf.remote_settings("a")
        assert conf.remote_settings("a") is first
        assert conf.server_settings().workers == 3
        assert conf.remote_aliases() == ("a",)
    with pytest.raises(KeyError):
        conf.remote_settings("a")
    assert conf.server_settings().workers == 1


def test_options_are_not_shown() -> None:
    """Options may hold keys, so no repr shows them."""
    value = {"ENDPOINTS": ["tcp://h"], "BACKEND": "a.B", "OPTIONS": {"server_key": SECRET}}
    bind = {"ADDRESS": "tcp://h", "BACKEND": "a.B", "OPTIONS": {"secret_key": SECRET}}
    with override_settings(CHUNNEL_REMOTES={"a": value}, CHUNNEL_SERVER={"BIND": bind}):
        assert SECRET not in repr(conf.remote_settings("a"))
        assert SECRET not in repr(conf.server_settings())


def test_environ_default_and_cast(monkeypatch: pytest.MonkeyPatch) -> None:
    """django-environ's uncast string and its cast mean the same remote."""
    env = environ.Env()
    uncast = env("NO_SUCH_RPC", default="zmq://127.0.0.1:7070")
    monkeypatch.setenv("ECONOMY_RPC", "zmq://127.0.0.1:7070,[::1]/?timeout=3")
    cast = env("ECONOMY_RPC", cast=parse_remote_url)
    with override_settings(CHUNNEL_REMOTES={"a": uncast, "b": cast}):
        assert conf.remote_settings("a").endpoints == ("tcp://127.0.0.1:7070",)
        assert conf.remote_settings("b").endpoints == ("tcp://127.0.0.1:7070", "tcp://[::1]:7070")
        assert conf.remote_settings("b").timeout == 3


def test_server_defaults() -> None:
    """An empty setting serves this machine alone, under the project's name."""
    with override_settings(CHUNNEL_SERVER={}):
        found = conf.server_settings()
    assert found.name == "tests"
    assert [bind.address for bind in found.binds] == ["tcp://127.0.0.1:7070"]
    assert (found.pool, found.concurrency, found.serializers) == (
        "threads",
        32,
        ("msgpack", "json"),
    )


def test_binds_in_every_form() -> None:
    """BIND is a URL, a dict, or a list of both."""
    bind = ["tcp://*:7070", {"ADDRESS": "ipc:///run/x", "BACKEND": "a.B", "OPTIONS": {"x": 1}}]
    with override_settings(CHUNNEL_SERVER={"BIND": bind}):
        found = conf.server_settings().binds
    assert found[0] == conf.Bind("tcp://*:7070")
    assert found[1] == conf.Bind("ipc:///run/x", "a.B", {"x": 1})


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        (
            "CHUNNEL_REMOTES",
            {"a": {"ENDPOINT": ["tcp://h"]}},
            ["['a']", "'ENDPOINT'", "'ENDPOINTS'"],
        ),
        ("CHUNNEL_REMOTES", {"a": {"ENDPOINTS": ["tcp://h"], "timeout": 3}}, ["'TIMEOUT'"]),
        ("CHUNNEL_REMOTES", {"a": {"ENDPOINTS": ["tcp://h"], "ZZZ": 3}}, ["'ZZZ'", "Legal keys"]),
        ("CHUNNEL_REMOTES", {"a": f"zmq://u:{SECRET}@h"}, ["['a']", "user name or a password"]),
        ("CHUNNEL_REMOTES", {"a": SECRET}, ["has no scheme"]),
        ("CHUNNEL_REMOTES", [], ["CHUNNEL_REMOTES must be a dict, not a list"]),
        ("CHUNNEL_SERVER", {"WORKER": 3}, ["'WORKER'", "'WORKERS'"]),
        ("CHUNNEL_SERVER", {"WORKERS": 0}, ["['WORKERS']", "at least 1", "not 0"]),
        ("CHUNNEL_SERVER", {"BIND": {"ADRESS": "tcp://h"}}, ["'ADDRESS'"]),
        ("CHUNNEL_SERVER", {"BIND": f"tcp://u:{SECRET}@h"}, ["BIND"]),
        ("CHUNNEL_CLIENT", {"MIDLEWARE": []}, ["'MIDDLEWARE'"]),
    ],
)
def test_first_problem_is_raised(setting: str, value: Any, words: list[str]) -> None:
    """Who needs a setting is told what is wrong with it, by the setting's name."""
    read = {
        "CHUNNEL_REMOTES": lambda: conf.remote_settings("a"),
        "CHUNNEL_SERVER": conf.server_settings,
        "CHUNNEL_CLIENT": conf.client_settings,
    }
    with (
        override_settings(**{setting: value}),
        pytest.raises(ImproperlyConfigured) as caught,
    ):
        read[setting]()
    message = str(caught.value)
    assert setting in message
    assert all(word in message for word in words), message
    assert SECRET not in message


def test_types_may_be_dotted_paths() -> None:
    """A type whose module needs the apps is named by its path and imported late."""
    with override_settings(CHUNNEL_SERVER={"TYPES": ["decimal.Decimal"]}):
        assert conf.server_settings().types[0].__name__ == "Decimal"
    with (
        override_settings(CHUNNEL_SERVER={"TYPES": ["no.such"]}),
        pytest.raises(ImproperlyConfigured, match="TYPES of CHUNNEL_SERVER"),
    ):
        conf.server_settings()


def test_settings_modules_may_import_it(tmp_path: Path) -> None:
    """A settings file casts with ``parse_remote_url`` while Django is still reading it."""
    (tmp_path / "site_settings.py").write_text(
        "import environ\n"
        "from chunnel.conf import parse_remote_url\n"
        "env = environ.Env()\n"
        "CHUNNEL_REMOTES = {'a': env('A_RPC', cast=parse_remote_url), 'b': parse_remote_url('zmq://h')}\n"
        "INSTALLED_APPS = ['chunnel', 'django.contrib.contenttypes', 'django.contrib.auth']\n"
    )
    source = (
        "import django; django.setup()\n"
        "from chunnel import conf, remotes\n"
        "assert conf.server_settings().name == 'site_settings'\n"
        "assert remotes['a'].settings.timeout == 3\n"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "site_settings",
        "A_RPC": "zmq://h/?timeout=3",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parent.parent)]),
    }
    done = subprocess.run(
        [sys.executable, "-c", source],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.returncode, done.stderr
