"""The other projects that this one calls."""

from chunnel import remote

economy = remote.economy
