"""What was planned, done and decided, as values in plain Python."""
