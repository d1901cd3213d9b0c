from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.generic import FormView, ListView

from ..remotes import economy
from .forms import TaxForm
from .models import TaxPayment

Account = economy.money.Account


class CitizenList(ListView):
    """All citizens with their balances, a page at a time."""

    template_name = "citizens/list.html"
    context_object_name = "accounts"
    paginate_by = 25

    def get_queryset(self) -> Any:
        accounts = Account.objects.order_by("uid")
        if name := self.request.GET.get("name"):
            accounts = accounts.filter(owner__icontains=name)
        return accounts


class CitizenDetail(FormView):
    """One citizen: the account, its first bookings, and a form to pay a tax."""

    template_name = "citizens/detail.html"
    form_class = TaxForm

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        try:
            self.account = Account.objects.get(uid=kwargs["uid"])
        except Account.DoesNotExist:
            raise Http404(f"Nobody has the number {kwargs['uid']}.") from None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        with economy.money.statement(self.account.uid) as bookings:
            kwargs["bookings"] = list(islice(bookings, 20))
        kwargs["account"] = self.account
        kwargs["payments"] = TaxPayment.objects.filter(uid=self.account.uid)
        return super().get_context_data(**kwargs)

    def form_valid(self, form: TaxForm) -> HttpResponse:
        amount = form.cleaned_data["amount"]
        try:
            self.account.withdraw(amount, memo="Tax")
        except economy.money.InsufficientFunds as error:
            form.add_error("amount", str(error))
            return self.form_invalid(form)
        TaxPayment.objects.create(uid=self.account.uid, amount=amount)
        messages.success(self.request, f"Paid. The account now holds {self.account.balance}.")
        return super().form_valid(form)

    def get_success_url(self) -> str:
        return self.request.path


async def budget(request: HttpRequest) -> HttpResponse:
    """Show two figures of the economy, asked for at the same time."""
    supply, overdrawn = await asyncio.gather(
        economy.money.money_supply.acall(),
        economy.money.count_overdrawn.acall(),
    )
    return render(request, "citizens/budget.html", {"supply": supply, "overdrawn": overdrawn})
