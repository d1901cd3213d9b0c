"""Strangers' words in the log."""

from __future__ import annotations

from chunnel.server.lines import one_line


def test_what_is_printable_stays():
    assert one_line("money.balance ü 💥") == "money.balance ü 💥"


def test_what_is_not_is_escaped():
    """So that nothing begins a line, moves a cursor or turns the writing around."""
    assert one_line("a\nb\r\x1b[2J\x85\u2028\u202e") == r"a\nb\r\x1b[2J\x85\u2028\u202e"


def test_what_is_long_is_cut():
    assert one_line("x" * 300, 10) == "x" * 10 + "…"
