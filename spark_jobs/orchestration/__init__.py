"""What the DAG files are made of: Airflow kept behind a thin translation. Imports nothing heavy, so that parsing stays quick."""
