"""What the tests with real servers share."""

from __future__ import annotations


def serve(*arguments: str, settings: str = "tests.settings", dev: bool = True) -> tuple[str, ...]:
    """Return a command that serves; with ``dev`` every warning is an error."""
    return (
        *(("-W", "error") if dev else ()),
        *("-m", "django", "runrpcserver", *arguments, "--settings", settings),
    )
