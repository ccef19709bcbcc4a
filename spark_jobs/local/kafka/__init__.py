"""The embedded single-node Kafka: its folder, its process, and the container's topics and permissions."""
