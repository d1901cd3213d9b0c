"""The codec is the two ways together."""

from __future__ import annotations

from chunnel.protocol import codec, decoding, encoding


def test_the_codec_is_both_ways():
    """One import for who needs both."""
    assert codec.encode is encoding.encode
    assert codec.decode is decoding.decode
