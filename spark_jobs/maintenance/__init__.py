"""Keeping the tables small and quick without changing what they say; its story is in `maintain.py`."""
