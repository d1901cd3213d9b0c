"""System checks: every id has a case that shows it and a case that does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.checks import CheckMessage, Tags, run_checks
from django.db.models import Count, DateTimeField, Model
from django.test import override_settings
from django.test.utils import isolate_apps

from chunnel import ModelRPC, RemoteForeignKey, WireType
from chunnel.checks import SUMMARIES
from chunnel.registry import register, registry

from .fields.test_declared import CASES as OF_FIELDS

SECRET = "hunter2"
H = {"ENDPOINTS": ["tcp://h"]}
OWN = "chunnel.client.balancers.RoundRobin"  # by its path, as one of the project's own

BAD: list[tuple[str, str, Any]] = [
    ("E001", "CHUNNEL_REMOTES", ["economy"]),
    ("E002", "CHUNNEL_REMOTES", {"the economy": "zmq://h"}),
    ("E002", "CHUNNEL_REMOTES", {"_economy": "zmq://h"}),
    ("E002", "CHUNNEL_REMOTES", {"class": "zmq://h"}),
    ("E002", "CHUNNEL_REMOTES", {7: "zmq://h"}),
    ("E003", "CHUNNEL_REMOTES", {"a": ["tcp://h"]}),
    ("E004", "CHUNNEL_REMOTES", {"a": f"zmq://u:{SECRET}@h"}),
    ("E004", "CHUNNEL_REMOTES", {"a": SECRET}),
    ("E005", "CHUNNEL_REMOTES", {"a": {**H, "SERIALISER": "json"}}),
    ("E006", "CHUNNEL_REMOTES", {"a": {}}),
    ("E006", "CHUNNEL_REMOTES", {"a": {"ENDPOINTS": "tcp://h"}}),
    ("E006", "CHUNNEL_REMOTES", {"a": {"ENDPOINTS": [7070]}}),
    ("E006", "CHUNNEL_REMOTES", {"a": {"ENDPOINTS": ["tcp://h", "zmq://h:7070"]}}),
    ("E006", "CHUNNEL_REMOTES", {"a": {"ENDPOINTS": ["tcp://h?x=1"]}}),
    ("E006", "CHUNNEL_REMOTES", {"a": "carrier-pigeon://coop"}),
    ("E007", "CHUNNEL_REMOTES", {"a": {**H, "SERIALIZER": "pickle"}}),
    ("E007", "CHUNNEL_REMOTES", {"a": {**H, "SERIALIZER": 1}}),
    ("E008", "CHUNNEL_REMOTES", {"a": {**H, "BALANCER": "rond_robin"}}),
    ("E009", "CHUNNEL_REMOTES", {"a": {**H, "TIMEOUT": 0}}),
    ("E009", "CHUNNEL_REMOTES", {"a": {**H, "TIMEOUT": True}}),
    ("E009", "CHUNNEL_REMOTES", {"a": {**H, "TIMEOUT": float("inf")}}),
    ("E010", "CHUNNEL_REMOTES", {"a": {**H, "BACKEND": "no.such.Transport"}}),
    ("E011", "CHUNNEL_REMOTES", {"a": {**H, "TYPES": ["no.such.TYPE"]}}),
    ("E011", "CHUNNEL_REMOTES", {"a": {**H, "TYPES": "no.such.TYPE"}}),
    ("E011", "CHUNNEL_REMOTES", {"a": {**H, "TYPES": [int]}}),
    ("E012", "CHUNNEL_REMOTES", {"a": {**H, "OPTIONS": ["x"]}}),
    ("E013", "CHUNNEL_REMOTES", {"a": "zmq://h/?max_conections=3"}),
    ("E013", "CHUNNEL_REMOTES", {"a": "zmq://h/?max_frame=1e8"}),
    ("E013", "CHUNNEL_REMOTES", {"a": {**H, "OPTIONS": {"dial_timeout": SECRET}}}),
    ("E013", "CHUNNEL_REMOTES", {"a": {**H, "OPTIONS": {"MAX_STREAMS": 0}}}),
    ("E013", "CHUNNEL_REMOTES", {"a": {**H, "OPTIONS": {"grace": 3}}}),
    ("E013", "CHUNNEL_REMOTES", {"a": {**H, "OPTIONS": {"max_result": 0.5}, "BALANCER": OWN}}),
    ("E014", "CHUNNEL_REMOTES", {"a": {**H, "FETCH_MODE": "one"}}),
    ("E014", "CHUNNEL_REMOTES", {"a": {**H, "FETCH_MODE": {"Account": "peers"}}}),
    ("E014", "CHUNNEL_REMOTES", {"a": {**H, "FETCH_MODE": {"money.Account": "all"}}}),
    ("E014", "CHUNNEL_REMOTES", {"a": "zmq://h/?fetch_mode=one"}),
    ("E020", "CHUNNEL_SERVER", "tcp://h"),
    ("E021", "CHUNNEL_SERVER", {"BINDS": "tcp://h"}),
    ("E022", "CHUNNEL_SERVER", {"BIND": []}),
    ("E022", "CHUNNEL_SERVER", {"BIND": 7070}),
    ("E022", "CHUNNEL_SERVER", {"BIND": {}}),
    ("E022", "CHUNNEL_SERVER", {"BIND": f"tcp://u:{SECRET}@h"}),
    ("E022", "CHUNNEL_SERVER", {"BIND": "carrier-pigeon://coop"}),
    ("E022", "CHUNNEL_SERVER", {"BIND": ["tcp://127.0.0.1:7070", "127.0.0.1", "0:7071"]}),
    ("E023", "CHUNNEL_SERVER", {"WORKERS": 0}),
    ("E023", "CHUNNEL_SERVER", {"CONCURRENCY": "32"}),
    ("E023", "CHUNNEL_SERVER", {"STREAMS": True}),
    ("E023", "CHUNNEL_SERVER", {"QUEUE": -1}),
    ("E024", "CHUNNEL_SERVER", {"POOL": "prefork"}),
    ("E025", "CHUNNEL_SERVER", {"SERIALIZERS": []}),
    ("E025", "CHUNNEL_SERVER", {"SERIALIZERS": "json"}),
    ("E025", "CHUNNEL_SERVER", {"SERIALIZERS": ["pickle"]}),
    ("E026", "CHUNNEL_SERVER", {"MIDDLEWARE": ["no.such.middleware"]}),
    ("E026", "CHUNNEL_SERVER", {"MIDDLEWARE": ["django.test.override_settings", len]}),
    ("E027", "CHUNNEL_SERVER", {"LIMITS": {"QUERY_NODE": 5}}),
    ("E027", "CHUNNEL_SERVER", {"LIMITS": {"QUERY_NODES": 0}}),
    ("E027", "CHUNNEL_SERVER", {"LIMITS": {7: 5}}),
    ("E027", "CHUNNEL_SERVER", {"LIMITS": {"MAX_CALLS": 1.5}}),
    ("E027", "CHUNNEL_SERVER", {"LIMITS": {"query_nodes": float("inf")}}),
    ("E027", "CHUNNEL_SERVER", {"LIMITS": {"hello_timeout": float("inf")}}),
    ("E027", "CHUNNEL_SERVER", {"LIMITS": {"max_message": 65_535}}),
    ("E028", "CHUNNEL_SERVER", {"TYPES": [int]}),
    ("E029", "CHUNNEL_SERVER", {"EXPOSE_TRACEBACKS": "yes"}),
    ("E030", "CHUNNEL_SERVER", {"NAME": ""}),
    ("E031", "CHUNNEL_SERVER", {"OPTIONS": 3}),
    ("E032", "CHUNNEL_SERVER", {"WORKERS": 2, "BIND": "ipc:///run/x"}),
    ("E033", "CHUNNEL_SERVER", {"OPTIONS": {"graec": 3}}),
    ("E033", "CHUNNEL_SERVER", {"OPTIONS": {"grace": -1}}),
    ("E033", "CHUNNEL_SERVER", {"OPTIONS": {"grace": float("nan")}}),
    ("E033", "CHUNNEL_SERVER", {"OPTIONS": {"tick": True}}),
    ("E033", "CHUNNEL_SERVER", {"OPTIONS": {"switch_interval": 1e12}}),
    ("E033", "CHUNNEL_SERVER", {"OPTIONS": {"backlog": 10}}),
    ("E034", "CHUNNEL_SERVER", {"BIND": {"ADDRESS": "7070", "OPTIONS": {"back_log": 10}}}),
    ("E034", "CHUNNEL_SERVER", {"BIND": {"ADDRESS": "zmq://h", "OPTIONS": {"backlog": 2**31}}}),
    ("E040", "CHUNNEL_CLIENT", []),
    ("E041", "CHUNNEL_CLIENT", {"TIMEOUT": 3}),
    ("E042", "CHUNNEL_CLIENT", {"MIDDLEWARE": ["no.such.middleware"]}),
    ("E050", "CHUNNEL_SERVER", {"BIND": ["tcp://127.0.0.1", "tcp://0.0.0.0"]}),
    ("W051", "CHUNNEL_SERVER", {"EXPOSE_TRACEBACKS": True}),
]

GOOD: list[tuple[str, Any]] = [
    ("CHUNNEL_REMOTES", {}),
    ("CHUNNEL_REMOTES", {"a": "zmq://h,[::1]/?timeout=5&serializer=json&max_streams=3"}),
    (
        "CHUNNEL_REMOTES",
        {
            "a": {
                "ENDPOINTS": ("tcp://h:1", "ipc:///run/x"),
                "SERIALIZER": "chunnel.serializers.json.JSONSerializer",
                "BALANCER": "round_robin",
                "TIMEOUT": None,
                "OPTIONS": {"max_connections": 3},
                "TYPES": [
                    WireType("c", complex, lambda c: [c.real, c.imag], lambda v: complex(*v))
                ],
            }
        },
    ),
    ("CHUNNEL_REMOTES", {"a": {**H, "BALANCER": OWN, "OPTIONS": {"near": "tcp://10."}}}),
    (
        "CHUNNEL_REMOTES",
        {
            "a": {
                **H,
                "BACKEND": "chunnel.transports.zmq.ZmqTransport",
                "OPTIONS": {"server_key": SECRET, "max_streams": 3},
            }
        },
    ),
    ("CHUNNEL_SERVER", {}),
    (
        "CHUNNEL_SERVER",
        {
            "NAME": "economy",
            "BIND": ["tcp://127.0.0.1", {"ADDRESS": "tcp://[::1]:7071", "OPTIONS": {}}],
            "WORKERS": 4,
            "POOL": "chunnel.server.pools.handover.HandoverPool",
            "CONCURRENCY": 1,
            "STREAMS": 1,
            "QUEUE": 0,
            "SERIALIZERS": ["json"],
            "MIDDLEWARE": [],
            "LIMITS": {"QUERY_NODES": 5, "MAX_MESSAGE": 65_536, "hello_timeout": 0.5},
            "EXPOSE_TRACEBACKS": False,
            "OPTIONS": {"fibres": 3, "grace": 0},
        },
    ),
    ("CHUNNEL_SERVER", {"OPTIONS": {"grace": 3, "TICK": 0.01, "coroutines": 5, "stuck_after": 0}}),
    ("CHUNNEL_SERVER", {"BIND": {"ADDRESS": "tcp://[::1]:7071", "OPTIONS": {"backlog": 5}}}),
    ("CHUNNEL_SERVER", {"BIND": "ipc:///run/x"}),
    ("CHUNNEL_SERVER", {"BIND": ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0"]}),
    ("CHUNNEL_CLIENT", {"MIDDLEWARE": ["django.test.override_settings"]}),
]


def _ids(*, deploy: bool = True) -> list[str]:
    return [str(each.id) for each in _ours(run_checks(include_deployment_checks=deploy))]


def _ours(found: list[CheckMessage]) -> list[CheckMessage]:
    """Return the messages of ours, without those of fields whose remote the settings now lack."""
    return [
        each
        for each in found
        if str(each.id).startswith("chunnel.") and not isinstance(each.obj, RemoteForeignKey)
    ]


@pytest.mark.parametrize(("code", "setting", "value"), BAD)
def test_bad_setting(code: str, setting: str, value: Any) -> None:
    """A bad setting shows its id alone, names the setting, has a hint, and keeps secrets."""
    with override_settings(**{setting: value}):
        found = run_checks(include_deployment_checks=code in {"E050", "W051"})
    ours = _ours(found)
    assert {each.id for each in ours} == {f"chunnel.{code}"}, ours
    for each in ours:
        assert setting in each.msg
        assert each.hint
        assert SECRET not in f"{each.msg} {each.hint}"


@pytest.mark.parametrize(("setting", "value"), GOOD)
def test_good_setting(setting: str, value: Any) -> None:
    """What is fine is fine, also for deployment."""
    with override_settings(**{setting: value}):
        assert _ids() == []


with isolate_apps("tests.apps.bank"):

    class Stamped(Model):
        at = DateTimeField(auto_now=True)

        class Meta:
            app_label = "bank"


DECLARED: dict[str, tuple[type[Model], dict[str, Any]]] = {
    "W060": (Group, {"fields": ["name", "user_set"]}),
    "W061": (Group, {"fields": ["name"], "can_create": True}),
    "W062": (Stamped, {"fields": ["at"], "writable_fields": ["at"]}),
    "W063": (
        User,
        {
            "fields": ["roles", "deeds"],
            "annotations": {"roles": Count("groups"), "deeds": Count("logentry")},
        },
    ),
}


@pytest.mark.parametrize("code", DECLARED)
def test_a_declaration_that_is_surely_wrong(code: str) -> None:
    """It shows its id alone, names the class, and has a hint."""
    model, declared = DECLARED[code]
    name = f"checked.{model.__name__}"
    register(model, app_label="checked")(type("CheckedRPC", (ModelRPC,), declared))
    try:
        found = [each for each in run_checks() if str(each.id).startswith("chunnel.")]
        config = apps.get_app_config("bank")
        others = run_checks(app_configs=[config], tags=[Tags.models])
    finally:
        registry.remove(name)
    assert [each.id for each in found] == [f"chunnel.{code}"]
    assert found[0].msg.startswith("CheckedRPC.")
    assert found[0].hint
    shown = any(str(each.id).startswith("chunnel.") for each in others)
    assert shown is (model._meta.app_label == "bank")
    assert _ids() == []


@pytest.mark.parametrize(
    ("code", "setting", "value", "message"),
    [
        (
            "E026",
            "CHUNNEL_SERVER",
            {"MIDDLEWARE": ["a.b", len]},
            (
                "CHUNNEL_SERVER['MIDDLEWARE'][1] must be a text, not a builtin_function_or_method; "
                "this is a list of dotted paths."
            ),
        ),
        (
            "E022",
            "CHUNNEL_SERVER",
            {"BIND": ["7070", "127.0.0.1:7070"]},
            "CHUNNEL_SERVER['BIND'] names tcp://127.0.0.1:7070 twice.",
        ),
        (
            "E027",
            "CHUNNEL_SERVER",
            {"LIMITS": {"max_message": 5}},
            (
                "CHUNNEL_SERVER['LIMITS']['max_message'] cannot be used: max_message must be "
                "at least 65536 bytes, not 5."
            ),
        ),
        (
            "E027",
            "CHUNNEL_SERVER",
            {"LIMITS": {"max_calls": 2.5}},
            "CHUNNEL_SERVER['LIMITS']['max_calls'] must be a whole number above 0, not 2.5.",
        ),
    ],
)
def test_the_culprit_is_named(code: str, setting: str, value: Any, message: str) -> None:
    """The message says what was wrong where, not only that something was."""
    with override_settings(**{setting: value}):
        assert message in [one.msg for one in run_checks() if one.id == f"chunnel.{code}"]


def test_deployment_checks_run_only_for_deployment() -> None:
    """On one's own machine a public address is no error."""
    with override_settings(CHUNNEL_SERVER={"BIND": "tcp://0.0.0.0"}):
        assert _ids(deploy=False) == []


def test_every_id_is_tried() -> None:
    """No id is without a case that shows it."""
    tried = {code for code, _, _ in BAD} | DECLARED.keys() | {code for code, *_ in OF_FIELDS}
    assert {f"chunnel.{code}" for code in tried} == set(SUMMARIES)


def test_every_id_is_documented() -> None:
    """The reference page lists the ids with the very summaries of the code."""
    page = (Path(__file__).parent.parent / "docs/reference/checks.rst").read_text()
    listed = dict(re.findall(r"^\* \*\*(chunnel\.\w+)\*\*: (.+)$", page, re.MULTILINE))
    assert listed == dict(SUMMARIES)
