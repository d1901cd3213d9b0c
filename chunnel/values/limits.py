"""Limits of what travels, each with its reason; both peers keep them."""

from __future__ import annotations

from typing import Final

MAX_DEPTH: Final = 100
"""Containers inside containers. No honest argument comes near it, and code that walks a value by
recursion (``repr``, ``copy.deepcopy``, a template) stays far from Python's limit of 1,000 frames.
The content of a project's own type, and a field of a row, is counted anew."""

MAX_RELATED: Final = 16
"""Row sets inside row sets: rows of rows of rows that were fetched along. Fetching deeper than this
takes a path of as many relations, which no reader of it would follow."""

MAX_COLLISIONS: Final = 1_000
"""Keys of one dict or set that share their hash with another. So many are compared in milliseconds;
honest keys share none."""

MAX_INT_BYTES: Final = 1 << 17
"""Bytes of an integer's magnitude: about 315,000 digits, which a multiplication still takes in
milliseconds. Python's own limit on digits does not apply, because no integer travels as digits
unless it has at most twenty."""

MAX_DECIMAL_DIGITS: Final = 131_072
MAX_DECIMAL_EXPONENT: Final = 131_072
"""What PostgreSQL's ``numeric`` can hold before its point. A few bytes such as ``1E+999999999``
would otherwise become gigabytes in the first ``int(value)`` or ``format(value, "f")``."""

MAX_ZONE_NAME: Final = 64
"""Characters of a time zone's key; the longest in the IANA database has 32."""

BLOB_SIZE: Final = 1 << 16
"""Bytes from which a binary leaves the body and stands beside it, uncopied. At 64 KiB copying it
costs more than naming it; it is also where msgpack changes to its longest header."""
