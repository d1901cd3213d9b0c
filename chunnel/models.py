"""A model without a table, so that the RPC API has a place and a permission in the admin."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class RpcApi(models.Model):
    """What this project exposes. There are no rows: the registry knows it all."""

    # A key of its own, so that the migration does not depend on DEFAULT_AUTO_FIELD.
    name = models.CharField(max_length=1, primary_key=True)

    class Meta:
        managed = False
        default_permissions: ClassVar = ("view",)
        verbose_name = "RPC API"
        verbose_name_plural = "RPC API"

    def __str__(self) -> str:
        return self.name
