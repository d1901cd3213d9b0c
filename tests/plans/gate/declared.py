"""What some models declare, made by hand: every kind of field, and names that nobody may know."""

from __future__ import annotations

from typing import Any

from chunnel.plans import DEFAULT_LIMITS, Plan, QueryLimits, Rules, Verdict
from chunnel.schema import FieldSchema, ModelSchema


def model(name: str, *fields: FieldSchema, pk: str = "id", **more: Any) -> ModelSchema:
    empty: dict[str, Any] = {"filter_fields": (), "ordering_fields": (), "ordering": ()}
    return ModelSchema(
        name=name,
        doc="",
        verbose_name=name.lower(),
        verbose_name_plural=f"{name.lower()}s",
        pk=pk,
        fields=fields,
        **{**empty, **more},
    )


def column(name: str, type_: str, **more: Any) -> FieldSchema:
    return FieldSchema(name, type_, name, **more)


def link(name: str, kind: str, to: str | None, **more: Any) -> FieldSchema:
    types = {"forward": "ForeignKey", "reverse": "OneToOneRel", "many": "ManyToOneRel"}
    if kind == "forward":
        more = {"attname": f"{name}_id", **more}
    return FieldSchema(name, types[kind], name, relation=to, kind=kind, **more)


ACCOUNT = model(
    "Account",
    column("uid", "IntegerField", writable=True),
    column("owner", "CharField"),
    column("opened", "DateTimeField"),
    column("day", "DateField", writable=True),
    column("at", "TimeField"),
    column("data", "JSONField"),
    link("branch", "forward", "bank.Branch", writable=True),
    link("vault", "forward", None),
    link("zone", "forward", "bank.Zone", target="code"),
    link("transfer_set", "many", "bank.Transfer", query_name="transfer"),
    link("tags", "many", "bank.Tag", writable=True),
    link("card", "reverse", "bank.Card"),
    column("full", "str", kind="property"),
    column("total", "IntegerField", kind="annotation"),
    filter_fields=(
        ("uid", ("exact", "in")),
        ("owner", ("icontains",)),
        ("branch", ("exact", "isnull")),
        ("branch__city", ("exact",)),
        ("branch__code", ("startswith",)),
        ("opened", ("date__gte",)),
        ("data", ("exact", "contains", "lang")),
        ("transfer__amount", ("gt",)),
        ("total", ("regex",)),
    ),
    ordering_fields=("uid", "branch__city", "rank"),
)
BRANCH = model(
    "Branch",
    column("city", "CharField"),
    column("founded", "DateField"),
    link("parent", "forward", "bank.Branch"),
    link("accounts", "many", "bank.Account", query_name="account"),
    filter_fields=(("city", ("exact",)),),
    ordering_fields=("city",),
)
TRANSFER = model(
    "Transfer",
    column("amount", "DecimalField"),
    link("account", "forward", "bank.Account"),
    filter_fields=(("amount", ("gt", "exact")),),
)
TAG = model("Tag", column("slug", "SlugField"), pk="slug")
CARD = model(
    "Card",
    column("number", "CharField"),
    link("account", "forward", "bank.Account"),
    pk="account",
)
ZONE = model("Zone", column("code", "CharField"), column("name", "CharField"))

SCHEMAS = {f"bank.{schema.name}": schema for schema in (ACCOUNT, BRANCH, TRANSFER, TAG, CARD, ZONE)}
HIDDEN = frozenset({"secret", "save"})
PLAN = Plan("bank.Account")


def rules(
    limits: QueryLimits = DEFAULT_LIMITS, of: str = "bank.Account", **changed: ModelSchema
) -> Rules:
    """Return the rules of a model; ``changed`` are schemas in place of the usual ones."""
    known = SCHEMAS | {f"bank.{name}": schema for name, schema in changed.items()}
    return Rules(of, known.get, limits, lambda _: HIDDEN)


RULES = rules()


def check(*steps: Any) -> Verdict:
    """Judge a plan of accounts."""
    return RULES.check(Plan("bank.Account", steps), "rows")
