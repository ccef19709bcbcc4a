"""Where the command `dayfold` begins."""

from spark_jobs.launch.quick_imports import import_pyarrow


def main() -> None:
    """Import what is slow in the quick way, then do what the arguments say."""
    import_pyarrow()
    from spark_jobs import cli

    cli.main()


if __name__ == "__main__":
    main()
