"""A Java that Spark 4.2 and the embedded broker run on: found, or installed from Debian's archive.

Spark needs 17 or newer with the module `jdk.incubator.vector`, which trimmed runtimes lack, so a candidate is tried out.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from spark_jobs.errors import ConfigurationError

PREFERRED, OLDEST = (17, 21), 17
PACKAGES = ("openjdk-17-jre-headless", "openjdk-21-jre-headless")
"""Debian 13 no longer has the first."""

_INSTALLED = Path("/usr/lib/jvm")
_TRY = ("--add-modules", "jdk.incubator.vector", "-version")


def find_java() -> Path:
    """Home of the Java to use; an error says what to install."""
    home = search_java()
    if home is None:
        raise ConfigurationError(
            f"no Java 17 or 21 was found: install one (Debian and Ubuntu: apt-get install {PACKAGES[0]}) or set JAVA_HOME to its folder"
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
    prefix = _root_prefix()
    if shutil.which("apt-get") is None or prefix is None:
        return find_java()
    print(f"no Java found: installing {' or '.join(PACKAGES)} with apt-get", flush=True)
    apt_get = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"]
    _run([*apt_get, "update"])
    package = next((package for package in PACKAGES if _is_on_offer(package)), PACKAGES[0])
    _run([*apt_get, "install", "-y", "--no-install-recommends", package])
    return find_java()


def _root_prefix() -> list[str] | None:
    """What to put before a command that needs root: nothing, sudo, or none if neither works."""
    if os.geteuid() == 0:
        return []
    may = shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    return ["sudo", "-n"] if may else None


def _is_on_offer(package: str) -> bool:
    return subprocess.run(["apt-cache", "show", package], capture_output=True, check=False).returncode == 0


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        last = " ".join(done.stderr.strip().splitlines()[-1:])
        raise ConfigurationError(
            f"{' '.join(command)} ended with {done.returncode}: {last}; install a Java 17 or 21, then run again"
        )
