"""Everything that speaks to Kafka from the driver."""
