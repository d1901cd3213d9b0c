"""What the server's databases were asked, for tests that count it."""

from __future__ import annotations

from chunnel import expose

from .statements import of_this_process


@expose
def statements() -> int:
    """Return how many statements read or wrote rows since the last time this was asked."""
    return of_this_process.take()
