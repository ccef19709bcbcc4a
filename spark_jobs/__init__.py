"""Dayfold: exact daily averages of a Kafka topic, every record counted exactly once."""
