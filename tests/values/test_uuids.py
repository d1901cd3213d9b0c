"""UUIDs made without their constructor."""

from __future__ import annotations

import copy
import pickle
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunnel.values.uuids import uuid_from, uuids_from


@given(uuids=st.lists(st.uuids(), max_size=5))
def test_they_are_what_the_constructor_makes(uuids: list[UUID]) -> None:
    found = uuids_from(b"".join(each.bytes for each in uuids))
    assert found == uuids
    found += [uuid_from(each.bytes) for each in uuids]
    for made, given_ in zip(found, uuids * 2, strict=True):
        assert type(made) is UUID
        assert hash(made) == hash(given_)
        assert (repr(made), made.version, made.is_safe) == (
            repr(given_),
            given_.version,
            given_.is_safe,
        )
        assert copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == given_
        with pytest.raises(TypeError):
            made.int = 1  # type: ignore[misc]


@pytest.mark.parametrize("size", [1, 15, 17])
def test_many_take_sixteen_bytes_each(size: int) -> None:
    with pytest.raises(ValueError, match="sixteen"):
        uuids_from(bytes(size))


@pytest.mark.parametrize("size", [0, 1, 15, 17, 32])
def test_one_takes_sixteen_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="sixteen"):
        uuid_from(bytes(size))
