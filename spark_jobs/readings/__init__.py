"""Messages to records: frame in, frame out."""
