"""Formats in and out: bytes to values and back, without any write to the database."""
