"""A test case that serves this project to itself."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from django.test import override_settings

from chunnel import remote, remotes
from chunnel.test import ChunnelLiveServerTestCase
from tests.apps.bank.models import Account

pytestmark = pytest.mark.leaks("a server's threads are those of the class")

OPENED = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class LiveServerTest(ChunnelLiveServerTestCase):
    """The project under test calls itself by the name of another."""

    remotes = ("economy", "bank")

    def setUp(self) -> None:
        Account.objects.create(uid=1, owner="Ann", balance=Decimal(10), opened=OPENED)

    def test_call(self) -> None:
        """Rows that the test wrote are seen by the server."""
        with self.assertNumRPCs(2):
            assert remote.economy.bank.balance(1) == Decimal(10)
            assert remote.bank.bank.balance(1) == Decimal(10)

    def test_write(self) -> None:
        """Rows that the server wrote are seen by the test, and are gone with it."""
        assert Account.objects.count() == 1
        remote.economy.bank.Account.objects.get(uid=1).deposit(Decimal(5))
        assert Account.objects.get(uid=1).balance == Decimal(15)

    def test_address(self) -> None:
        """It is a real one, and a free port."""
        assert self.rpc_address.startswith("tcp://127.0.0.1:")
        assert remotes["bank"].settings.endpoints == (self.rpc_address,)
        assert [status.up for status in remotes["bank"].ping()] == [True]


@override_settings(CHUNNEL_SERVER={"NAME": "overridden", "SERIALIZERS": ["json"]})
class OverriddenTest(ChunnelLiveServerTestCase):
    """Settings that the class overrides are the server's."""

    remotes = ("economy",)

    def test_status(self) -> None:
        with override_settings(
            CHUNNEL_REMOTES={"economy": {"ENDPOINTS": [self.rpc_address], "SERIALIZER": "json"}}
        ):
            assert remotes["economy"].status()["project"] == "overridden"


@override_settings(
    CHUNNEL_SERVER={"SERIALIZERS": ["json"]},
    CHUNNEL_REMOTES={"economy": "zmq://10.0.0.5:7070/?serializer=json&timeout=7"},
)
class UrlTest(ChunnelLiveServerTestCase):
    """What the URL of a remote says beside its endpoints holds for the test as well."""

    remotes = ("economy",)

    def test_options(self) -> None:
        assert remotes["economy"].settings.serializer == "json"
        assert remotes["economy"].settings.timeout == 7
        assert remotes["economy"].status()["workers"] == 1
