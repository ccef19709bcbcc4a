"""Keeping the tables small and quick without changing what they say: `maintain.py` tells the story."""
