"""What the DAG files are made of: Airflow kept behind a thin translation, without heavy imports, so that parsing stays quick."""
