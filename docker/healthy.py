"""Health check of a container: `healthy.py URL [PART]`; exit code 0 if the page answers, and says that PART is healthy.

A page is JSON with one entry per part, as Airflow's `/api/v2/monitor/health`; without PART any answer will do. Without URL: a
container that was asked for nothing in particular is healthy if its Java runs. Standard library only, so that it takes a moment.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request

SECONDS = 5.0


def is_healthy(url: str, part: str | None = None) -> bool:
    """Whether the page answers in time, and what it says of the part."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return part is None or json.load(answer)[part]["status"] == "healthy"
    except (OSError, ValueError, KeyError, TypeError):
        return False


def java_runs() -> bool:
    """Whether there is a Java that starts."""
    try:
        return subprocess.run(["java", "-version"], capture_output=True, timeout=SECONDS * 2, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    sys.exit(0 if (is_healthy(*sys.argv[1:3]) if sys.argv[1:] else java_runs()) else 1)
