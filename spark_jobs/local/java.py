"""A Java that Spark 4.2 and the embedded broker run on: found, or installed from Debian's archive.

Spark needs 17 or newer with the module `jdk.incubator.vector`, which trimmed runtimes lack, so a candidate is tried out.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from spark_jobs.errors import ConfigurationError

PREFERRED, OLDEST = (17, 21), 17
PACKAGE = "openjdk-17-jre-headless"
_INSTALLED = Path("/usr/lib/jvm")
_TRY = ("--add-modules", "jdk.incubator.vector", "-version")


def find_java() -> Path:
    """Home of the Java to use; an error says what to install."""
    home = search_java()
    if home is None:
        raise ConfigurationError(
            f"no Java 17 or 21 was found: install one (Debian and Ubuntu: apt-get install {PACKAGE}) or set JAVA_HOME to its folder"
        )
    return home


def search_java() -> Path | None:
    """The first Java 17 or 21 of `JAVA_HOME`, `PATH` and `/usr/lib/jvm`, else the first newer one, else none."""
    newer = None
    for home in dict.fromkeys(_candidates()):
        version = java_version(home)
        if version in PREFERRED:
            return home
        if version is not None and version > OLDEST:
            newer = newer or home
    return newer


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("JAVA_HOME"):
        yield Path(named)
    if on_path := shutil.which("java"):
        yield Path(on_path).resolve().parents[1]
    if _INSTALLED.is_dir():
        yield from sorted(path.resolve() for path in _INSTALLED.iterdir() if (path / "bin" / "java").exists())


def java_version(home: Path) -> int | None:
    """Feature version of the Java at `home`; none if it does not run or lacks the module Spark needs."""
    try:
        tried = subprocess.run([home / "bin" / "java", *_TRY], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(tried.stderr) if tried.returncode == 0 else None


def parse_version(text: str) -> int | None:
    """What `java -version` says, as a feature version.

    >>> parse_version('openjdk version "17.0.15" 2025-04-15'), parse_version('openjdk version "25" 2025-09-16')
    (17, 25)
    >>> parse_version('java version "1.8.0_402"')
    8
    """
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(match[1]) if match else None


def install_java() -> Path:
    """Install Debian's package, as root or by a sudo that asks no password, and say so; else the error of `find_java`."""
    apt_get = shutil.which("apt-get")
    prefix = _root_prefix()
    if apt_get is None or prefix is None:
        return find_java()
    print(f"installing {PACKAGE} with apt-get", flush=True)
    for arguments in (("update", "-q"), ("install", "-q", "-y", "--no-install-recommends", PACKAGE)):
        _run([*prefix, "env", "DEBIAN_FRONTEND=noninteractive", apt_get, *arguments])
    return find_java()


def _root_prefix() -> list[str] | None:
    """What to put before a command that needs root: nothing, sudo, or none if neither works."""
    if os.geteuid() == 0:
        return []
    may = shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    return ["sudo", "-n"] if may else None


def _run(command: Iterable[str]) -> None:
    arguments = list(command)
    done = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:]
        raise ConfigurationError(
            f"{' '.join(arguments)} ended with {done.returncode}: {' '.join(last)}; install a Java 17 or 21 and run again"
        )
