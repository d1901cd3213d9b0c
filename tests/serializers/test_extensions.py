"""The payloads of extensions, one by one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from struct import error as StructError  # noqa: N812
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgpack import ExtType

from chunnel.serializers.extensions import PACK_SCALAR, UNPACK_SCALAR, blob_index, blob_reference

from . import strategies


@given(value=strategies.scalars)
def test_a_scalar_comes_back_from_its_payload(value: Any) -> None:
    pack = PACK_SCALAR.get(type(value))
    if pack is None:
        return
    packed = pack(value)
    if isinstance(packed, ExtType):
        packed = UNPACK_SCALAR[packed.code](packed.data)
    assert strategies.same(value, packed)


@given(code=st.sampled_from(sorted(UNPACK_SCALAR)), data=st.binary(max_size=40))
def test_any_payload_gives_a_value_or_an_error_that_is_expected(code: int, data: bytes) -> None:
    try:
        found = UNPACK_SCALAR[code](data)
    except (ValueError, ArithmeticError, StructError):
        return
    types = int | Decimal | dt.datetime | dt.date | dt.time | dt.timedelta | UUID
    assert isinstance(found, types)


@given(index=st.integers(0, (1 << 32) - 1))
def test_a_binary_is_found_by_its_number(index: int) -> None:
    assert blob_index(blob_reference(index).data) == index


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00" * 5])
def test_a_number_of_another_length_is_none(data: bytes) -> None:
    with pytest.raises(StructError):
        blob_index(data)
