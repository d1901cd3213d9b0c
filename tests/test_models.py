"""The model that stands for the API."""

from __future__ import annotations

from chunnel.models import RpcApi


def test_it_has_no_table_and_only_the_permission_to_view() -> None:
    assert RpcApi._meta.managed is False
    assert list(RpcApi._meta.default_permissions) == ["view"]


def test_str_is_the_name() -> None:
    assert str(RpcApi(name="x")) == "x"
