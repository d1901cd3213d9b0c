"""Words for plans that are made by hand, and what comes of sending them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chunnel.protocol.messages import Failure
from chunnel.values import InstanceRef

from .attacker import SECRET, Attacker, Failed
from .conftest import Victim

NOTE, ROOM, LABEL, TENANT, LEDGER = (
    f"vault.{name}" for name in ("Note", "Room", "Label", "Tenant", "Ledger")
)
UNORDERED = ["order_by", []]  # SQLite takes no ordered query in a combination


def f(path: str) -> list[Any]:
    return ["f", path]


def value(plain: Any, kind: str | None = None) -> list[Any]:
    return ["value", plain, None if kind is None else [kind, None, None]]


def call(name: str, *args: Any, **options: Any) -> list[Any]:
    return ["call", name, list(args), [list(each) for each in options.items()]]


def leaf(key: str, plain: Any) -> list[Any]:
    return ["=", key, plain]


def where(key: str, plain: Any) -> list[Any]:
    return ["filter", leaf(key, plain)]


def query(kind: str, model: str, *steps: Any) -> list[Any]:
    return ["query", [model, list(steps)], kind]


def asked(model: str, *steps: Any, op: str = "rows") -> tuple[Any, ...]:
    return (f"{model}.objects", [model, list(steps)], op)


def refined(name: str, *steps: Any, op: str = "rows", args: Any = ()) -> tuple[Any, ...]:
    """Return a call with a third item in its body."""
    return (name, list(args), [[NOTE, list(steps)], op])


def note(pk: int) -> InstanceRef:
    return InstanceRef(NOTE, pk)


class Vault:
    """The vault under attack; ``keys`` are those of its rows, ours and theirs."""

    def __init__(self, attacker: Attacker):
        self.attacker = attacker
        self.keys: dict[str, int] = attacker.result("vault.fill")

    def __getitem__(self, name: str) -> int:
        return self.keys[name]

    def send(self, name: str, *args: Any, body: bytes | None = None) -> Any:
        """Return the value or how it failed. Whichever it is, it tells no secret."""
        call_id = self.attacker.call(name, *args, _body=body)
        heard = []
        while True:
            message = self.attacker.hear()
            if getattr(message, "call_id", None) != call_id:
                continue
            heard.append(message)
            if type(message).__name__ != "Chunk":
                break
        assert SECRET not in repr(heard)
        ending = heard[-1]
        if isinstance(ending, Failure):
            return Failed(ending, "msgpack")
        loads = self.attacker.loads
        if type(ending).__name__ == "End":
            return [loads(each.body, each.blobs) for each in heard[:-1] if each.body]
        return loads(ending.body, ending.blobs)

    def census(self) -> Any:
        """Return all that could have been changed; only the tests may ask."""
        return self.attacker.result("vault.census")


@contextmanager
def vault(victim: Victim, lines: int = 100) -> Iterator[Vault]:
    with victim.attack(lines=lines) as attacker:
        yield Vault(attacker)
