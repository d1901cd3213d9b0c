"""What can go wrong at the bank. The rpc module exposes the first and never mentions the second."""

from __future__ import annotations


class BankError(Exception):
    """The bank refuses."""


class InsufficientFunds(BankError, ValueError):
    """The balance does not cover the amount."""


class VaultClosed(BankError):
    """Nobody can reach the vault."""
