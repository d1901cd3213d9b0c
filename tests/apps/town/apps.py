from __future__ import annotations

from django.apps import AppConfig


class TownConfig(AppConfig):
    name = "tests.apps.town"
    label = "town"
