"""Where the command `dayfold` begins and ends."""

from typing import NoReturn

from spark_jobs.launch.leaving import leave
from spark_jobs.launch.quick_imports import import_pyarrow


def main() -> NoReturn:
    """Import what is slow in the quick way, then do what the arguments say."""
    import_pyarrow()
    from spark_jobs import cli

    try:
        cli.main()
    except SystemExit as ending:
        leave(int(ending.code or 0))


if __name__ == "__main__":
    main()
