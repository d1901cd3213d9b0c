"""Strangers' words in the log: what they call can neither begin a line nor fill the disk."""

from __future__ import annotations


def one_line(text: str, most: int = 200) -> str:
    """Return at most ``most`` characters of ``text``, with what is not printable escaped."""
    if len(text) > most:
        text = f"{text[:most]}…"
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )
