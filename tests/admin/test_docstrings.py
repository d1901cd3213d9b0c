from __future__ import annotations

import pytest

from chunnel.admin.docstrings import render


@pytest.mark.parametrize(
    ("doc", "html"),
    [
        ("", ""),
        ("One.\n\n    Two\n    lines.\n    ", "<p>One.</p>\n<p>Two\nlines.</p>"),
        (
            "``a`` and `b` and :class:`c`",
            "<p><code>a</code> and <code>b</code> and <code>c</code></p>",
        ),
        ("**Not** so.", "<p><strong>Not</strong> so.</p>"),
        ("* one\n* two\n  more", "<ul><li>one</li><li>two\n  more</li></ul>"),
        (
            "So::\n\n    x = 1\n\n    y = 2\n\nAnd.",
            "<p>So:</p>\n<pre>x = 1</pre>\n<pre>y = 2</pre>\n<p>And.</p>",
        ),
        (">>> 1 < 2\nTrue", "<pre>&gt;&gt;&gt; 1 &lt; 2\nTrue</pre>"),
    ],
)
def test_what_docstrings_use_is_rendered(doc: str, html: str) -> None:
    assert render(doc) == html


@pytest.mark.parametrize(
    "doc", ["<script>alert(1)</script>", "``<b>``", "**<b>**", "* <b>", "x::\n\n    <b>", ">>> <b>"]
)
def test_no_tag_of_a_docstring_survives(doc: str) -> None:
    """Whatever stands around it, an angle bracket is text."""
    assert "<b>" not in render(doc)
    assert "<script" not in render(doc)
