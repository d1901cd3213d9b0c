from django.contrib import admin

from .models import Account, Currency, Transaction


@admin.register(Currency)
class CurrencyAdmin(admin.ModelAdmin):
    list_display = ["code", "number", "name", "minor_units"]
    search_fields = ["code", "name"]


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = ["uid", "owner", "balance", "currency", "opened"]
    list_filter = ["currency"]
    search_fields = ["uid", "owner"]


@admin.register(Transaction)
class TransactionAdmin(admin.ModelAdmin):
    list_display = ["reference", "account", "amount", "memo", "booked"]
    list_select_related = ["account"]
    raw_id_fields = ["account"]
