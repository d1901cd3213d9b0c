"""The settings that mypy reads: those of the tests, with the models of the examples."""

from __future__ import annotations

from .settings import *  # noqa: F403
from .settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "example_economy.money", "example_government.citizens"]
