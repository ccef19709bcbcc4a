"""Messages to records, records to sums: frame in, frame out."""
