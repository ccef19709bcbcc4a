"""What the results were measured on: nothing that names the machine or its owner."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import psutil

from spark_jobs.base.project import PROJECT
from spark_jobs.launch.java import find_java

PACKAGES = ("pyspark", "delta-spark", "deltalake", "confluent-kafka", "pandas", "polars", "pyarrow")


def describe() -> dict[str, str]:
    """Hardware, system and versions, as one would write them down."""
    java = subprocess.run(
        [find_java() / "bin" / "java", "-version"], capture_output=True, text=True, check=True
    ).stderr.splitlines()[0]
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "java": java,
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES),
        "commit": _commit(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    asked = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
