"""Our errors and exit codes in Airflow's words: what is tried again and what is not."""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from spark_jobs.base.errors import DayfoldError, TryAgain
from spark_jobs.base.wording import printable_lines


@contextmanager
def failures_of_tasks() -> Iterator[None]:
    """Turn our errors into Airflow's: only `TryAgain` is tried again."""
    try:
        yield
    except TryAgain as error:
        raise AirflowException(printable_lines(error)) from error
    except DayfoldError as error:
        raise AirflowFailException(printable_lines(error)) from error


def failure_of(code: int, output: str) -> AirflowException:
    """The exception for an exit code of `spark-submit`, with the sentence that the job printed last.

    Code 75 and a death by signal (negative, or above 128 if it hit the Python driver) are worth a retry.
    """
    _, found, sentence = output.rpartition("\ndayfold: ")
    text = f"exit code {code}: {sentence if found else output}"
    return AirflowException(text) if code == TryAgain.exit_code or not 0 < code <= 128 else AirflowFailException(text)
