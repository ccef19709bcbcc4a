"""`python -m spark_jobs.local.setup`: a Java to run on, the pinned jars, the class archive;
next to nothing to do when all are there.
"""

import sys

from spark_jobs.base.errors import DayfoldError
from spark_jobs.launch.java import install_java, search_java
from spark_jobs.local.setup.class_archive import make_archive
from spark_jobs.local.setup.jars import fetch_jars


def main() -> int:
    """Set up what is missing; the exit code of the error that prevents it."""
    try:
        java = search_java() or install_java()
        fetch_jars()
        make_archive(java)
    except DayfoldError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
