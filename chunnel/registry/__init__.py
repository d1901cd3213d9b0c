"""What this project exposes, and how it says so."""

from __future__ import annotations

from .core import Registry, registry
from .describe import build_schema
from .discovery import autodiscover
from .entries import Entry, Place
from .exposed import ExposedModel
from .exposing import expose, register
from .modelrpc import ModelRPC

__all__ = [
    "Entry",
    "ExposedModel",
    "ModelRPC",
    "Place",
    "Registry",
    "autodiscover",
    "build_schema",
    "expose",
    "register",
    "registry",
]
