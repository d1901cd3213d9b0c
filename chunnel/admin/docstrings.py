"""Docstrings as HTML, without a dependency and without trusting them.

The little that most docstrings use is understood: paragraphs, lists with ``*`` or ``-``, indented
blocks after ``::`` and doctests, literals in backticks, emphasis. Everything is escaped first, so
nothing in a docstring can become a tag.
"""

from __future__ import annotations

import re
import textwrap
from inspect import cleandoc

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_ITEM = re.compile(r"^[*-] +", re.MULTILINE)
_INLINE = re.compile(
    r"``(?P<literal>.+?)``"
    r"|(?::[a-z:]+:)?`(?P<name>[^`]+?)`"
    r"|\*\*(?P<strong>[^*\s][^*]*)\*\*",
    re.DOTALL,
)


def render(doc: str) -> SafeString:
    """Return the docstring as HTML made of ``p``, ``ul``, ``pre``, ``code`` and ``strong``."""
    parts: list[str] = []
    literal_follows = False
    for block in re.split(r"\n\s*\n", cleandoc(doc)):
        if not block.strip():
            continue
        if block.startswith(">>>") or (literal_follows and block[:1].isspace()):
            parts.append(f"<pre>{escape(textwrap.dedent(block))}</pre>")
            continue  # a literal block may have blank lines in it
        literal_follows = block.rstrip().endswith("::")
        if literal_follows:
            block = block.rstrip().removesuffix("::").rstrip() + ":"
        if _ITEM.match(block):
            items = "".join(f"<li>{_inline(item)}</li>" for item in _ITEM.split(block)[1:])
            parts.append(f"<ul>{items}</ul>")
        else:
            parts.append(f"<p>{_inline(block)}</p>")
    return mark_safe("\n".join(parts))  # noqa: S308 - every text in it was escaped


def _inline(text: str) -> str:
    return _INLINE.sub(_replace, escape(textwrap.dedent(text).strip()))


def _replace(match: re.Match[str]) -> str:
    if match["strong"] is not None:
        return f"<strong>{match['strong']}</strong>"
    return f"<code>{match['literal'] if match['literal'] is not None else match['name']}</code>"
