"""The settings of the server whose answers are compared: its database is named by a URL."""

from __future__ import annotations

import os

from ..settings import *  # noqa: F403
from ..settings import INSTALLED_APPS
from .databases import settings_of

INSTALLED_APPS = [*INSTALLED_APPS, "tests.apps.counting"]
DATABASES = {"default": settings_of(os.environ["CHUNNEL_TEST_DATABASE_URL"])}
