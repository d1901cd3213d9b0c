"""Legal plans of every shape: each step, each expression, each nesting."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from chunnel.plans import (
    Alias,
    Annotate,
    Call,
    Case,
    Combine,
    Condition,
    Dates,
    Datetimes,
    Defer,
    Distinct,
    Exclude,
    FieldType,
    Filter,
    Holds,
    Items,
    Leaf,
    Literal,
    Merge,
    Node,
    Nothing,
    Of,
    Only,
    OrderBy,
    Ordering,
    Outer,
    Plan,
    PrefetchRelated,
    Ref,
    Reverse,
    SelectRelated,
    Slice,
    Subquery,
    Values,
    ValuesList,
)
from chunnel.plans.functions import EXTRACT_PARTS, FIELD_TYPES, FUNCTIONS, TRUNC_PARTS
from chunnel.plans.plan import Fetch

_UNFILTERED = Slice | Combine | Values | ValuesList | Dates | Datetimes


class Names(NamedTuple):
    """What is legal of one model."""

    read: tuple[str, ...]
    keys: tuple[str, ...]
    order: tuple[str, ...]
    single: tuple[str, ...]
    along: tuple[tuple[str, str], ...]  # with the model each leads to
    dates: tuple[str, ...]
    of: tuple[tuple[str, str], ...]  # (model, relation) pairs that lead here


LEGAL = {
    "bank.Account": Names(
        ("uid", "pk", "branch_id", "branch__city", "opened__year", "total", "data__a", "tags"),
        ("uid__in", "pk", "branch__city", "owner__icontains", "transfer__amount__gt", "total__lt"),
        ("uid", "branch__city", "total"),
        ("branch", "branch__parent", "card"),
        (("transfer_set", "bank.Transfer"), ("branch__accounts", "bank.Account")),
        ("opened", "branch__founded"),
        (("bank.Branch", "accounts"),),
    ),
    "bank.Branch": Names(
        ("city", "founded__month", "parent__city", "account__owner"),
        ("city", "pk__in"),
        ("city",),
        ("parent",),
        (("accounts", "bank.Account"), ("parent", "bank.Branch")),
        ("founded",),
        (),
    ),
    "bank.Transfer": Names(
        ("amount", "account__uid", "account"),
        ("amount__gt", "id"),
        (),
        ("account__branch",),
        (("account__tags", "bank.Tag"),),
        ("account__opened",),
        (("bank.Account", "transfer_set"),),
    ),
    "bank.Tag": Names(
        ("slug", "pk"), ("slug", "pk__in"), (), (), (), (), (("bank.Account", "tags"),)
    ),
}

FIELD = st.sampled_from(sorted(FIELD_TYPES)).map(FieldType)
PLAIN = st.none() | st.integers(-9, 9) | st.text(max_size=3)
FLAGS = st.booleans()


class Writer:
    """Draws what is legal in a query of ``model``; ``around`` is the model of the query around."""

    def __init__(self, draw: Any, model: str, around: str | None = None):
        self.draw = draw
        self.model = model
        self.names = LEGAL[model]
        self.around = around
        self.annotations: list[str] = []
        self.unnamed = False

    def one(self, *strategies: Any) -> Any:
        return self.draw(st.one_of(*strategies))

    def pick(self, values: Any) -> Any:
        return self.draw(st.sampled_from(list(values)))

    def path(self) -> str:
        return str(self.pick((*self.names.read, *self.annotations)))

    # Expressions

    def expression(self, depth: int) -> Any:
        kinds = ["literal", "ref"]
        if self.around is not None:
            kinds.append("outer")
        if depth > 0:
            kinds += ["call", "call", "test", "case", "query"]
        match self.pick(kinds):
            case "literal":
                return Literal(self.draw(PLAIN), self.draw(st.none() | FIELD))
            case "ref":
                return Ref(self.path())
            case "outer":
                return Outer(self.pick(LEGAL[str(self.around)].read))
            case "call":
                return self.call(depth - 1)
            case "test":
                return Condition(self.tree(depth - 1))
            case "case":
                whens = ((self.tree(depth - 1), self.expression(depth - 1)),)
                return Case(whens, self.pick((None, self.expression(depth - 1))))
        inner = self.plan(depth - 1, self.pick(LEGAL), self.model)
        return Subquery(inner, self.pick(("value", "exists")))

    def call(self, depth: int) -> Call:
        signature = FUNCTIONS[self.pick(FUNCTIONS)]
        count = self.draw(st.integers(signature.least, min(signature.most, signature.least + 1)))
        options = [
            (name, self.option(kind, depth))
            for name, kind in signature.options.items()
            if name in signature.required or self.draw(FLAGS)
        ]
        args = tuple(self.expression(depth) for _ in range(count))
        return Call(signature.name, args, tuple(options))

    def option(self, kind: str, depth: int) -> Any:
        match kind:
            case "flag":
                return self.draw(FLAGS)
            case "condition":
                return self.tree(depth)
            case "expression":
                return self.expression(depth)
            case "type":
                return self.draw(FIELD)
            case "trunc":
                return self.pick(TRUNC_PARTS)
            case "extract":
                return self.pick(EXTRACT_PARTS)
        return "Europe/Zurich"

    def tree(self, depth: int) -> Any:
        match self.pick(("leaf", "node", "holds") if depth > 0 else ("leaf",)):
            case "node":
                children = tuple(self.tree(depth - 1) for _ in range(2))
                return Node(self.pick(("and", "or", "xor")), self.draw(FLAGS), children)
            case "holds":
                return Holds(self.expression(depth - 1))
        key = self.pick((*self.names.keys, *(f"{name}__gte" for name in self.annotations)))
        if depth <= 0 or self.draw(FLAGS):
            return Leaf(key, self.draw(PLAIN))
        match self.pick(("items", "rows", "one")):
            case "items":
                return Leaf(key, Items((self.expression(depth - 1), Literal(1))))
            case "rows":
                inner = self.plan(depth - 1, self.pick(LEGAL), self.model)
                return Leaf(key, Subquery(inner, "rows"))
        return Leaf(key, self.expression(depth - 1))

    def named(self, depth: int) -> tuple[tuple[str, Any], ...]:
        name = f"n{len(self.annotations)}"
        made = ((name, self.expression(depth)),)
        self.annotations.append(name)
        return made

    # Steps

    def plan(self, depth: int, model: str, around: str | None) -> Plan:
        writer = Writer(self.draw, model, around)
        first = [Of(owner, 1, name) for owner, name in writer.names.of if self.draw(FLAGS)][:1]
        steps = [writer.step(depth) for _ in range(self.draw(st.integers(0, 2)))]
        early = not any(isinstance(each, _UNFILTERED) for each in steps)
        if early and self.draw(FLAGS):  # as after the steps of a Prefetch's queryset
            return Plan(model, (*steps, *first))
        return Plan(model, (*first, *steps))

    def step(self, depth: int) -> Any:
        kinds = ["filter", "exclude", "order", "plain", "annotate", "alias", "values", "list"]
        kinds += ["load", "distinct"]
        if self.names.dates:
            kinds.append("dates")
        if self.names.single:
            kinds.append("select")
        if self.names.along:
            kinds.append("prefetch")
        if depth > 0:
            kinds += ["merge"] if self.unnamed else ["merge", "combine"]
        return getattr(self, f"_{self.pick(kinds)}")(depth)

    def _filter(self, depth: int) -> Any:
        return Filter(self.tree(depth))

    def _exclude(self, depth: int) -> Any:
        return Exclude(self.tree(depth))

    def _order(self, depth: int) -> Any:
        by = Ordering(self.expression(depth), self.draw(FLAGS), self.pick((None, "first", "last")))
        names = (*self.names.order, *self.annotations)
        if not names:
            return OrderBy((by,))
        return OrderBy((self.pick(("", "-")) + self.pick(names), by))

    def _plain(self, _depth: int) -> Any:
        return self.pick((Reverse(), Nothing(), Slice(0, 5), Distinct(), Distinct(("pk",))))

    def _annotate(self, depth: int) -> Any:
        return Annotate(self.named(depth))

    def _alias(self, depth: int) -> Any:
        return Alias(self.named(depth))

    def _values(self, depth: int) -> Any:
        self.unnamed = True
        return Values((self.path(), self.expression(depth)), self.named(depth))

    def _list(self, depth: int) -> Any:
        return ValuesList((self.path(),), self.named(depth), False, self.draw(FLAGS))

    def _load(self, _depth: int) -> Any:
        return self.pick((Only, Defer))(("pk", *(f"{name}__pk" for name in self.names.single)))

    def _distinct(self, _depth: int) -> Any:
        return Distinct((self.path(),))

    def _dates(self, _depth: int) -> Any:
        self.unnamed = True
        field, order = self.pick(self.names.dates), self.pick(("ASC", "DESC"))
        if self.draw(FLAGS):
            return Dates(field, self.pick(("year", "week")), order)
        return Datetimes(field, self.pick(("year", "hour")), order, self.pick((None, "UTC")))

    def _select(self, _depth: int) -> Any:
        return SelectRelated((self.pick(self.names.single),))

    def _prefetch(self, depth: int) -> Any:
        path, model = self.pick(self.names.along)
        inner = self.plan(depth - 1, model, None) if self.draw(FLAGS) else None
        return PrefetchRelated((Fetch(path, inner, self.pick((None, "under"))),))

    def _merge(self, depth: int) -> Any:
        inner = Writer(self.draw, self.model, self.around)
        return Merge(self.pick(("and", "or", "xor")), Plan(self.model, (inner._filter(depth - 1),)))

    def _combine(self, depth: int) -> Any:
        kind = self.pick(("union", "intersection", "difference"))
        return Combine(kind, self.draw(FLAGS), (self.plan(depth - 1, self.model, self.around),))


@st.composite
def plans(draw: Any) -> Plan:
    """Draw a plan of accounts that the gate lets through."""
    writer = Writer(draw, "bank.Account")
    depth = draw(st.integers(0, 3))
    return Plan("bank.Account", tuple(writer.step(depth) for _ in range(draw(st.integers(1, 3)))))
