from django.contrib import admin

from .models import TaxPayment


@admin.register(TaxPayment)
class TaxPaymentAdmin(admin.ModelAdmin):
    list_display = ["uid", "amount", "paid"]
    search_fields = ["uid"]
