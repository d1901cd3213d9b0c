"""Messages to frames and back.

A message is one to three frames. The first is the control frame: the byte C1, the one byte with
which no msgpack value begins, and then a msgpack array ``[version, kind, call id or nil, fields]``.
The second is the body, bytes that only the serializer understands. The third holds the blobs, one
after the other; their lengths stand in the control frame. A body that is empty and has no blobs
behind it is left out.
"""

from __future__ import annotations

from .decoding import decode
from .encoding import encode

__all__ = ["decode", "encode"]
