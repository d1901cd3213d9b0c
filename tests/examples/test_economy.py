from __future__ import annotations

from pathlib import Path

from .conftest import Economy, environment, manage

FIGURES = """
from django.db.models import Sum
from example_economy.money.models import Account, Currency, Transaction
print(
    Account.objects.count(), Transaction.objects.count(), Currency.objects.get(code="EUR").number,
    round(Account.objects.aggregate(s=Sum("balance"))["s"], 2),
    Transaction.objects.order_by("booked", "reference").values_list("reference", flat=True)[0],
)
wrong = [
    account.uid
    for account in Account.objects.annotate(total=Sum("transactions__amount"))
    if abs(account.balance - (account.total or 0)) > 0.01 or account.balance < -account.overdraft
]
print(wrong)
"""


def test_the_seed_is_the_same_each_time(tmp_path: Path) -> None:
    """Also when run again; balances are the sums of the bookings."""
    figures = []
    for number in range(2):
        env = environment("economy", f"sqlite:///{tmp_path}/{number}.sqlite3")
        manage(env, "migrate", "-v0")
        for _ in range(number + 1):
            said = manage(env, "seed", "--accounts", "200", "--transactions", "1999")
        assert said == "200 accounts, 1,999 transactions.\n"
        figures.append(manage(env, "shell", "-v0", "-c", FIGURES))
    assert figures[0] == figures[1]
    assert figures[0].startswith("200 1999 978 ")
    assert figures[0].endswith("[]\n")


def test_migrations_are_complete() -> None:
    """The models of both examples are what their migrations say."""
    for project in ("economy", "government"):
        env = environment(project, "sqlite://:memory:")
        assert "No changes detected" in manage(env, "makemigrations", "--check", "--dry-run")


def test_it_lists_what_it_exposes(economy: Economy) -> None:
    said = manage(economy.env, "rpclist")
    assert "money.balance(uid: int) -> Decimal" in said
    assert "money.InsufficientFunds: Exception" in said
