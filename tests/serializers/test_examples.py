"""The examples of the how-tos are as short as they claim, and shown as they are tested."""

from __future__ import annotations

import sys
import zlib

import pytest

from chunnel.exceptions import SerializationError
from chunnel.serializers import load

from .conftest import EXAMPLES


def test_a_serializer_takes_less_than_sixty_lines() -> None:
    assert len((EXAMPLES / "deflated.py").read_text().splitlines()) < 60


@pytest.mark.parametrize(
    ("page", "example"), [("own-serializer", "deflated"), ("own-type", "money_type")]
)
def test_a_page_shows_the_very_file_that_is_tested(page: str, example: str) -> None:
    text = (EXAMPLES.parent / f"{page}.rst").read_text()
    assert f".. literalinclude:: examples/{example}.py" in text


def test_the_example_does_not_inflate_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    serializer = load("deflated.DeflatedSerializer")()
    monkeypatch.setattr(sys.modules["deflated"], "MAX_INFLATED", 1000)
    with pytest.raises(SerializationError, match="too large"):
        serializer.loads(zlib.compress(b"[" + b"1," * 1000 + b"1]"))
