"""The code blocks of a document."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple


class Block(NamedTuple):
    """A code block: its language, its caption if it has one, and the code."""

    language: str
    caption: str
    code: str


_RST = re.compile(
    r"^\.\. code-block:: (?P<language>\w+)\n"
    r"(?:   :caption: (?P<caption>.+)\n)?"
    r"\n"
    r"(?P<code>(?:(?:   .*)?\n)+)",
    re.MULTILINE,
)
_MARKDOWN = re.compile(
    r"^(?:<!-- (?P<caption>[^\n]+) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def rst_blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a reStructuredText document in order."""
    for match in _RST.finditer(text):
        code = textwrap.dedent(match["code"]).rstrip() + "\n"
        yield Block(match["language"], match["caption"] or "", code)


def markdown_blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a Markdown document; a comment right above one is its caption."""
    for match in _MARKDOWN.finditer(text):
        yield Block(match["language"], match["caption"] or "", match["code"])
