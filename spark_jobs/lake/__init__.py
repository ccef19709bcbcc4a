"""Everything that opens a Delta table or its files."""
