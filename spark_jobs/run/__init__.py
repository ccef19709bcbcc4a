"""The story of a run, and the only room that writes a batch."""
