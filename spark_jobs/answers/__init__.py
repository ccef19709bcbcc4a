"""What an operator or a reader asks of a pipeline; it writes nothing."""
