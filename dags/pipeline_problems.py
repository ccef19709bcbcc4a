"""Airflow's import error for pipeline files that cannot become a DAG; defines no DAG itself.

Airflow takes every DAG of a file that has an import error out of service. `daily_averages.py` therefore leaves out the pipeline
files that are broken, and this file says on the page of import errors which they are and what is wrong with each. It also says
which pipeline asks for something that is not installed.
"""

import os

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.wording import counted
from spark_jobs.orchestration.waking import missing_providers
from spark_jobs.pipeline.files import load_pipeline_files, pipelines_folder

found = load_pipeline_files(pipelines_folder(os.environ), os.environ)
problems = [f"{counted(len(found.problems), 'pipeline file')} without a DAG:", *found.problems] if found.problems else []
problems += [sentence for one in found.usable.values() if (sentence := missing_providers(one))]
if problems:
    raise ConfigurationError("\n".join(problems))
