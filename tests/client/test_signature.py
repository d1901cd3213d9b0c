"""What a schema knows about names."""

from __future__ import annotations

import inspect

from chunnel.client.signature import (
    ANYTHING,
    Source,
    find,
    find_app,
    find_function,
    find_manager_method,
    find_method,
    find_model,
    signature_of,
)
from chunnel.schema import (
    AppSchema,
    ExceptionSchema,
    FunctionSchema,
    ModelSchema,
    ParameterSchema,
    Schema,
)

PAY = FunctionSchema(
    "pay",
    "Pay.",
    (
        ParameterSchema("uid", "POSITIONAL_ONLY", None, "int"),
        ParameterSchema("rest", "VAR_POSITIONAL"),
        ParameterSchema("amount", "KEYWORD_ONLY", "Decimal('0')", "Decimal"),
        ParameterSchema("extra", "VAR_KEYWORD"),
    ),
    "Decimal",
)
MODEL = ModelSchema(
    "Account", "", "account", "accounts", "id", (), (), (), (), (PAY,), (PAY._replace(name="all_"),)
)
SCHEMA = Schema(
    "economy", (AppSchema("money", (PAY,), (MODEL,), (ExceptionSchema("Frozen", "", ""),)),), "f"
)


def test_find() -> None:
    """Whatever has a name is found by it, and nothing else is."""
    assert find(SCHEMA, "money", "pay") is PAY
    assert find(SCHEMA, "money", "Account") is MODEL
    assert find(SCHEMA, "money", "Frozen") == ExceptionSchema("Frozen", "", "")
    assert find(SCHEMA, "money", "nothing") is None
    assert find(SCHEMA, "health", "pay") is None
    assert find_app(SCHEMA, "health") is None
    assert find_function(SCHEMA, "money", "Account") is None
    assert find_function(SCHEMA, "health", "pay") is None
    assert find_model(SCHEMA, "money", "pay") is None
    assert find_model(SCHEMA, "health", "Account") is None
    assert find_method(MODEL, "pay") is PAY
    assert find_method(MODEL, "all_") is None
    assert find_manager_method(MODEL, "all_") is not None
    assert find_manager_method(MODEL, "pay") is None


def test_signature() -> None:
    """It reads like the source over there; nothing of it is evaluated."""
    found = signature_of(PAY)
    assert str(found) == (
        "(uid: int, /, *rest, amount: Decimal = Decimal('0'), **extra) -> Decimal"
    )
    assert found.parameters["amount"].default == Source("Decimal('0')")
    assert found.parameters["uid"].default is inspect.Parameter.empty
    assert len({Source("a"), Source("a"), Source("b")}) == 2


def test_signatures_that_make_no_sense() -> None:
    """What a server of another version says never raises here."""
    for parameters in (
        (ParameterSchema("a", "NO_SUCH_KIND"),),
        (ParameterSchema("no name", "POSITIONAL_ONLY"),),
        (ParameterSchema("k", "KEYWORD_ONLY"), ParameterSchema("a", "POSITIONAL_ONLY")),
    ):
        assert signature_of(PAY._replace(parameters=parameters)) == ANYTHING
