"""Everything that belongs to a pipeline, and removing it."""
