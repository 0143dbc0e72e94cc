"""Reads: how everything is, what protects each position, whether the books are equal."""
