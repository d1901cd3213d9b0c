"""Attacks on a live server that must cost their sender something and nobody else anything."""
