from __future__ import annotations

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from .statements import watch


class CountingConfig(AppConfig):
    name = "tests.apps.counting"
    label = "counting"

    def ready(self) -> None:
        connection_created.connect(watch)
