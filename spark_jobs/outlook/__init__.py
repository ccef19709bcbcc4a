"""Looks before anything is written: what the next batch reads and what stands in its way."""
