from django.db import models
from django.utils import timezone


class TaxPayment(models.Model):
    """The receipt of a tax. The account it was paid from is the economy's."""

    uid = models.PositiveBigIntegerField("citizen's number", db_index=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    paid = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-paid"]

    def __str__(self) -> str:
        return f"{self.amount} by {self.uid}"
