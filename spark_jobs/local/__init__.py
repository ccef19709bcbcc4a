"""One machine without services: the embedded Kafka, Airflow, the demo and the set-up."""
