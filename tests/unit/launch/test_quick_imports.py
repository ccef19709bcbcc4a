"""Imports that leave out what only others need; each in a process of its own, because nothing can be imported twice."""

import subprocess
import sys

QUICKLY = "from spark_jobs.launch.quick_imports import import_pyarrow; import_pyarrow(); import sys; "


def said_by(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_pyarrow_comes_without_pandas_and_goes_on_without_it() -> None:
    use = "import pyarrow as pa; pa.table({'a': [1]}).to_pylist(); pa.array([None, 2.5]); print('pandas' in sys.modules)"
    assert said_by(QUICKLY + use) == "False"


def test_whoever_wants_pandas_still_gets_it() -> None:
    assert said_by(QUICKLY + "import pandas; print(pandas.DataFrame({'a': [1]}).shape)") == "(1, 1)"


def test_the_command_starts_without_pandas() -> None:
    look = (
        "import os, sys; end = os._exit; "
        "os._exit = lambda code: (print('pandas' in sys.modules, flush=True), end(code)); "
        "sys.argv = ['dayfold', 'run', '--help']; "
    )
    assert said_by(look + "from spark_jobs.__main__ import main; main()").endswith("False")


def test_the_job_begins_without_what_a_run_needs_later() -> None:
    """Wrong arguments and settings are told at once, and pyarrow is imported in the quick way."""
    heavy = "[name for name in ('pyarrow', 'deltalake', 'confluent_kafka', 'pyspark', 'pandas') if name in sys.modules]"
    assert said_by(f"import sys, spark_jobs.daily_averages; print({heavy})") == "[]"
