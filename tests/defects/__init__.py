"""Deliberate defects: the program broken on purpose, one rule at a time, to see that a test notices."""
