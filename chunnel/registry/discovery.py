"""Finding what the apps expose: their ``rpc`` modules, as the admin finds ``admin`` modules."""

from __future__ import annotations

from django.utils.module_loading import autodiscover_modules

from .core import registry


def autodiscover() -> None:
    """Import the ``rpc`` module of every installed app.

    A module that is broken raises its own error, and what it had exposed up to then is withdrawn.
    """
    autodiscover_modules("rpc", register_to=registry)
