"""The class archive: what a run's JVM loads, laid out once for it to map into memory instead of reading, checking and linking
jars.

The set-up makes it (`local/setup/class_archive.py`). The JVM itself compares it with its own build and with every jar of its
class path, and goes on without it where anything differs. What Java 17 does not notice is an archive that was cut short, which
ends the process with SIGBUS; so its length is compared here before any JVM hears of it.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from spark_jobs.base.project import PROJECT

ARCHIVE_FOLDER = PROJECT / "jars" / "archive"
ARCHIVE, STAMP = "classes.jsa", "classes.json"

QUIET = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off")
"""An archive that does not fit is no news: the JVM would say so on the output of the job."""


def archive_options(folder: Path = ARCHIVE_FOLDER) -> tuple[str, ...]:
    """Options of a JVM that is to use the archive, none if there is no whole one.

    Named in vain it would do harm: a JVM that is given a missing file does not use its own archive either.
    """
    archive = (folder / ARCHIVE).resolve()
    with suppress(OSError):
        if archive.stat().st_size == read_stamp(folder).get("bytes"):
            return (f"-XX:SharedArchiveFile={archive}", *QUIET)
    return ()


def read_stamp(folder: Path) -> dict[str, Any]:
    """`bytes` of the archive, and the `java` and the `class_path` that it was made for; empty if there is none."""
    with suppress(OSError, json.JSONDecodeError):
        stamp = json.loads((folder / STAMP).read_text())
        return stamp if isinstance(stamp, dict) else {}
    return {}
