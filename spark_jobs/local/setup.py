"""`python -m spark_jobs.local.setup`: a Java to run on and the pinned jars; next to nothing to do when both are there."""

import sys

from spark_jobs.errors import DayfoldError
from spark_jobs.local.jars import fetch_jars
from spark_jobs.local.java import install_java, search_java


def main() -> int:
    """Set up what is missing; the exit code of the error that prevents it."""
    try:
        if search_java() is None:
            install_java()
        fetch_jars()
    except DayfoldError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
