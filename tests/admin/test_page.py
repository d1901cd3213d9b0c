from __future__ import annotations

from typing import Any

import pytest

from chunnel.admin.page import build_page
from chunnel.schema import (
    AppSchema,
    ExceptionSchema,
    FieldSchema,
    FunctionSchema,
    ModelSchema,
    ParameterSchema,
    Schema,
)

POSITIONAL = "POSITIONAL_OR_KEYWORD"


def function(name: str, doc: str = "", **options: Any) -> FunctionSchema:
    parameters = (
        ParameterSchema("uid", POSITIONAL, annotation="int"),
        ParameterSchema("memo", POSITIONAL, default="''", annotation="str"),
        ParameterSchema("rate", "KEYWORD_ONLY"),
    )
    return FunctionSchema(name, doc, parameters, **options)


@pytest.fixture
def schema() -> Schema:
    account = ModelSchema(
        "Account",
        "An account.",
        "account",
        "accounts",
        "id",
        (
            FieldSchema("id", "BigAutoField", "ID"),
            FieldSchema("owner", "CharField", "owner", null=True, writable=True),
        ),
        (("owner", ("exact",)), ("branch__city", ("exact", "in"))),
        ("owner",),
        (),
        methods=(function("deposit"),),
        manager_methods=(function("overdrawn"),),
    )
    money = AppSchema(
        "money",
        (function("balance", "The balance.", effect="read"), function("statement", stream=True)),
        (account,),
        (ExceptionSchema("InsufficientFunds", "Too little.", "Exception"),),
    )
    return Schema("economy", (money,), "f")


def test_every_entry_has_an_anchor_of_its_own(schema: Schema) -> None:
    """Remote names are the anchors, methods below their model."""
    [app] = build_page(schema).apps
    [model] = app.models
    entries = [*app.functions, model, *model.methods, *model.manager_methods, *app.exceptions]
    assert [entry.anchor for entry in entries] == [
        "money.balance",
        "money.statement",
        "money.Account",
        "money.Account.deposit",
        "money.Account.objects.overdrawn",
        "money.InsufficientFunds",
    ]


def test_a_function_shows_what_a_caller_needs(schema: Schema) -> None:
    """Signature, options and a call with the arguments one has to give."""
    [app] = build_page(schema).apps
    balance, statement = app.functions
    assert balance.signature == "balance(uid: int, memo: str = '', *, rate)"
    assert balance.options == ("read",)
    assert balance.snippet.endswith("economy.money.balance(uid, rate=…)")
    assert statement.options == ("write", "stream")
    assert "for item in economy.money.statement(uid, rate=…):" in statement.snippet


def test_a_field_shows_its_filters_and_notes(schema: Schema) -> None:
    """A path that is filtered by and not readable has a row of its own."""
    [app] = build_page(schema).apps
    [model] = app.models
    key, owner = model.fields
    assert key.notes == ("primary key",)
    assert owner.lookups == ("exact",)
    assert owner.notes == ("may be null", "orders", "writable")
    assert model.other_filters == (("branch__city", ("exact", "in")),)


def test_a_model_shows_what_leads_on_and_what_is_computed() -> None:
    """Each with a tag; a relation is filtered by as queries name it."""
    fields = (
        FieldSchema("id", "BigAutoField", "ID", blank=True),
        FieldSchema("name", "CharField", "name", writable=True),
        FieldSchema("memo", "TextField", "memo", writable=True, blank=True),
        FieldSchema("branch", "ForeignKey", "branch", relation="money.Branch", kind="forward"),
        FieldSchema("older", "ForeignKey", "older", relation="money.Branch"),
        FieldSchema("card", "OneToOneRel", "card", True, relation="money.Card", kind="reverse"),
        FieldSchema(
            "entry_set",
            "ManyToOneRel",
            "entries",
            relation="money.Entry",
            kind="many",
            query_name="entry",
        ),
        FieldSchema("shout", "str", "shout", True, kind="property"),
        FieldSchema("total", "DecimalField", "total", True, kind="annotation"),
    )
    account = ModelSchema(
        "Account",
        "",
        "account",
        "accounts",
        "id",
        fields,
        (("entry", ("exact",)), ("total", ("gt",))),
        ("total",),
        (),
        can_create=True,
    )
    page = build_page(Schema("economy", (AppSchema("money", (), (account,), ()),), "f"))
    (model,) = page.apps[0].models
    shown = {each.schema.name: each for each in model.fields}
    assert {name: (each.tag, each.leads) for name, each in shown.items()} == {
        "id": ("", ""),
        "name": ("", ""),
        "memo": ("", ""),
        "branch": ("", "to"),
        "older": ("", "to"),
        "card": ("relation", "one"),
        "entry_set": ("relation", "many"),
        "shout": ("property", ""),
        "total": ("annotation", ""),
    }
    assert shown["entry_set"].lookups == ("exact",)
    assert shown["entry_set"].notes == ("filtered as entry",)
    assert shown["card"].notes == shown["shout"].notes == ()
    assert shown["total"].notes == ("orders",)
    assert model.other_filters == ()
    assert model.options == ("can be created", "can be changed")
    assert model.snippet.splitlines() == [
        "Account = economy.money.Account",
        "Account.objects.get(id=…)",
        "Account.objects.create(name=…)",
    ]


@pytest.mark.parametrize(
    ("query", "anchors"),
    [
        ("balance", ["money.balance"]),
        ("THE money", ["money.balance"]),
        ("deposit", ["money.Account"]),
        ("too little", ["money.InsufficientFunds"]),
        ("nothing", []),
    ],
)
def test_a_search_needs_all_words(schema: Schema, query: str, anchors: list[str]) -> None:
    """In the label, name or docstring; a model is found by its methods and fields as well."""
    page = build_page(schema, query)
    found = [
        entry.anchor
        for app in page.apps
        for entry in (*app.functions, *app.models, *app.exceptions)
    ]
    assert found == anchors


@pytest.mark.parametrize(
    ("project", "alias"),
    [
        ("economy", "economy"),
        ("eco-nomy 2", "eco_nomy_2"),
        ("2eco", "remote_2eco"),
        ("_x", "remote_x"),
    ],
)
def test_the_snippet_is_python(schema: Schema, project: str, alias: str) -> None:
    """Also where a project's NAME could not be an alias."""
    page = build_page(schema._replace(project=project))
    assert page.settings_snippet.startswith(f'CHUNNEL_REMOTES = {{"{alias}": ')
    assert page.import_snippet.endswith(f"{alias} = remote.{alias}")
    assert page.apps[0].functions[0].snippet.startswith(f"{alias}.money.balance(")
    compile(page.import_snippet, "page", "exec")
