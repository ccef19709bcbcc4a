"""What every room may lean on, without an import of ours outside this room."""
