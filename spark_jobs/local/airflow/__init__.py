"""A whole Airflow of one machine, or one DAG run in one process; its tables and its REST API."""
