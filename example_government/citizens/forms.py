from decimal import Decimal

from django import forms


class TaxForm(forms.Form):
    amount = forms.DecimalField(
        label="Tax to pay", min_value=Decimal("0.01"), max_digits=14, decimal_places=2
    )
