from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=10, decimal_places=2)

    def __str__(self) -> str:
        return self.name


class Sale(models.Model):
    """The row that is measured: one column of each kind that takes a type of its own."""

    number = models.IntegerField()
    name = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    at = models.DateTimeField()
    key = models.UUIDField()

    def __str__(self) -> str:
        return self.name
