"""Airflow's import error for pipeline files that cannot become a DAG; defines no DAG itself.

Airflow takes every DAG of a file that has an import error out of service. `daily_averages.py` therefore leaves out the pipeline
files that are broken, and this file says on the page of import errors which they are and what is wrong with each.
"""

import os

from spark_jobs.errors import ConfigurationError
from spark_jobs.pipeline_files import load_pipeline_files, pipelines_folder

problems = load_pipeline_files(pipelines_folder(os.environ), os.environ).problems
if problems:
    raise ConfigurationError("\n".join([f"{len(problems)} pipeline files have no DAG:", *problems]))
