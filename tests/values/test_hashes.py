"""Keys that share a hash."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from chunnel.exceptions import SerializationError
from chunnel.values.hashes import check_hashes
from chunnel.values.limits import MAX_COLLISIONS

MODULUS = 2**61 - 1


@pytest.mark.parametrize("kind", [int, Decimal, lambda n: UUID(int=n), lambda n: (n, "x")])
def test_too_many_keys_of_one_hash(kind):
    """Up to the limit they pass, whatever they are made of."""
    colliding = [kind(MODULUS * number) for number in range(MAX_COLLISIONS + 2)]
    assert len(set(map(hash, colliding))) == 1
    check_hashes(colliding[:-1])
    with pytest.raises(SerializationError, match="share their hash"):
        check_hashes(colliding)


def test_honest_keys_are_any_number():
    check_hashes(range(50_000))
    check_hashes([f"key {number}" for number in range(50_000)])


def test_what_has_no_hash_is_a_type_error():
    with pytest.raises(TypeError):
        check_hashes([[]] * (MAX_COLLISIONS + 1))
