"""The options that Chunnel reads out of OPTIONS, and how a wrong one is told."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import override_settings

from chunnel import conf, remote
from chunnel.conf.options import POOL, REMOTE, SERVER, ZMQ, Option, chosen
from chunnel.transports.zmq.options import ZmqOptions

TABLES = {"SERVER": SERVER, "POOL": POOL, "REMOTE": REMOTE, "ZMQ": ZMQ}
SECRET = "hunter2"


@pytest.mark.parametrize("name", TABLES)
def test_the_ends_of_each_range_fit(name: str) -> None:
    """And what lies beyond them, or is no number of the kind, does not."""
    for option in TABLES[name].values():
        least, most = (int(end) if option.whole else end for end in (option.least, option.most))
        assert option.fits(least)
        assert option.fits(most)
        for value in (least - 1, most + 1, True, None, "3", float("nan"), float("inf")):
            assert not option.fits(value)
        assert option.fits(least + 0.5) is not option.whole


def test_names_are_folded_and_others_left_alone() -> None:
    """Numbers of seconds are floats, whatever was written."""
    found = chosen(REMOTE, {"MAX_STREAMS": 3, "dial_timeout": 2, "near": "tcp://10."})
    assert found == {"max_streams": 3, "dial_timeout": 2.0}
    assert type(found["dial_timeout"]) is float


def test_a_bad_value_is_told_without_showing_it() -> None:
    option = Option(whole=True, least=1, most=2_000, unit="bytes")
    with pytest.raises(
        ValueError, match=r"^max must be a whole number of bytes from 1 to 2,000, not a str\.$"
    ):
        chosen({"max": option}, {"max": SECRET})
    with pytest.raises(ValueError, match=r"not 0\.$"):
        chosen({"max": option}, {"max": 0})


def test_the_transport_has_exactly_its_options() -> None:
    assert {field.name for field in dataclasses.fields(ZmqOptions)} == set(ZMQ)


def test_every_option_is_documented() -> None:
    page = (Path(__file__).parent.parent / "docs/reference/settings.rst").read_text()
    listed = set(re.findall(r"^   \* - ``([a-z_]+)``$", page, re.MULTILINE))
    assert listed >= {name for table in TABLES.values() for name in table}


ZMQ_BIND = {"ADDRESS": "7070", "OPTIONS": {"max_frame": 0}}


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        (
            "CHUNNEL_SERVER",
            {"OPTIONS": {"graec": 3}},
            "CHUNNEL_SERVER['OPTIONS'] has the unknown key 'graec'. Did you mean 'grace'?",
        ),
        (
            "CHUNNEL_SERVER",
            {"OPTIONS": {"grace": "soon"}},
            (
                "CHUNNEL_SERVER['OPTIONS']['grace'] must be a number of seconds from 0 to "
                "2,000,000, not a str. Leave it out, and the default holds."
            ),
        ),
        (
            "CHUNNEL_SERVER",
            {"OPTIONS": {"backlog": 5}},
            (
                "CHUNNEL_SERVER['OPTIONS'] has the unknown key 'backlog'. It is an option of an "
                "address: BIND takes {'ADDRESS': 'tcp://127.0.0.1:7070', 'OPTIONS': {…}}."
            ),
        ),
        (
            "CHUNNEL_SERVER",
            {"OPTIONS": {"workers": 5}},
            (
                "CHUNNEL_SERVER['OPTIONS'] has the unknown key 'workers'. 'WORKERS' stands beside "
                "OPTIONS, not in it."
            ),
        ),
        (
            "CHUNNEL_SERVER",
            {"BIND": [ZMQ_BIND]},
            (
                "CHUNNEL_SERVER['BIND'][0]['OPTIONS']['max_frame'] must be a whole number of bytes "
                "from 1 to 1,099,511,627,776, not 0. Leave it out, and the default holds."
            ),
        ),
        (
            "CHUNNEL_REMOTES",
            {"economy": "zmq://h/?zzz=1"},
            (
                "CHUNNEL_REMOTES['economy']['OPTIONS'] has the unknown key 'zzz'. Legal keys: "
                "backlog, dial_timeout, heartbeat_interval, heartbeat_timeout, high_water_mark, "
                "max_connections, max_frame, max_result, max_streams, unresponsive_after."
            ),
        ),
        (
            "CHUNNEL_REMOTES",
            {"economy": {"ENDPOINTS": ["tcp://h"], "OPTIONS": {"grace": 5}}},
            (
                "CHUNNEL_REMOTES['economy']['OPTIONS'] has the unknown key 'grace'. It is an "
                "option of the server: it stands in CHUNNEL_SERVER['OPTIONS']."
            ),
        ),
    ],
)
def test_a_wrong_option_is_one_sentence(setting: str, value: Any, sentence: str) -> None:
    """The command says it, and whoever uses the remote is told."""
    with override_settings(**{setting: value}):
        if setting == "CHUNNEL_SERVER":
            with pytest.raises(CommandError) as refused:
                call_command("runrpcserver", "0", use_reloader=False)
            assert str(refused.value) == sentence
            with pytest.raises(ImproperlyConfigured) as caught:
                conf.server_settings()
        else:
            with pytest.raises(ImproperlyConfigured) as caught:
                remote.economy.bank.echo(1)
    assert str(caught.value) == sentence


def test_options_of_ones_own_parts_are_left_to_them() -> None:
    """A dotted path in POOL, BALANCER or BACKEND may read what nobody else knows."""
    own = {"near": SECRET}
    server = {"POOL": "a.Pool", "OPTIONS": own, "BIND": {"ADDRESS": "x://y", "OPTIONS": own}}
    remotes = {
        "balanced": {"ENDPOINTS": ["tcp://h"], "BALANCER": "a.Balancer", "OPTIONS": own},
        "carried": {"ENDPOINTS": ["x://y"], "BACKEND": "a.Transport", "OPTIONS": own},
    }
    with override_settings(CHUNNEL_SERVER=server, CHUNNEL_REMOTES=remotes):
        assert conf.server_settings().options == own
        assert conf.server_settings().binds[0].options == own
        assert conf.remote_settings("balanced").options == own
        assert conf.remote_settings("carried").options == own
