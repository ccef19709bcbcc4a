"""A Java that Spark 4.2 and the embedded broker run on: found, or installed from Debian's archive.

Spark needs 17 or newer with the module `jdk.incubator.vector`, which trimmed runtimes lack, so a candidate is tried out.
"""

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.wording import counted
from spark_jobs.launch.spark_environment import JVM_VARIABLES, foreign, jvm_options, options_beside, without_jvm_options
from spark_jobs.launch.submit import java_options, submitted_environment

PREFERRED, OLDEST = (17, 21), 17
PACKAGES = ("openjdk-17-jre-headless", "openjdk-21-jre-headless")
"""Debian 13 no longer has the first."""

_INSTALLED = Path("/usr/lib/jvm")
_NO_REASON = ("Picked up ", "NOTE: Picked up ", "Error occurred during initialization of VM", "Error: Could not create")
_TRY = ("--add-modules", "jdk.incubator.vector", "-version")


def find_java() -> Path:
    """Home of the Java to use; an error says what to install."""
    home = search_java()
    if home is None:
        raise ConfigurationError(
            f"no Java 17 or 21 was found: install one (Debian and Ubuntu: apt-get install {PACKAGES[0]}) or set JAVA_HOME to "
            "its folder"
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
    # Options that keep every Java from starting are no fault of this one.
    clean = without_jvm_options(os.environ)
    try:
        tried = subprocess.run([home / "bin" / "java", *_TRY], env=clean, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(tried.stderr) if tried.returncode == 0 else None


def startable_environment(environment: Mapping[str, str], master: str | None = None) -> dict[str, str]:
    """The environment of a `spark-submit` on this master, with a Java that starts in it; `ConfigurationError` if none does."""
    java = find_java()
    ours = submitted_environment(environment, java, master)
    _require_start(java, options_beside(java_options(None), jvm_options(ours)), ours)
    return ours


def use_pinned_spark() -> None:
    """Bring the environment of this very process into order, for example a notebook's,
    which starts a Spark with a local master.
    """
    ours = startable_environment(os.environ, "local[*]")
    for name in foreign(os.environ):
        del os.environ[name]
    os.environ.update(ours)


def _require_start(java: Path, options: Iterable[str], environment: Mapping[str, str]) -> None:
    """Try it with what the user has set for all JVMs; nothing is tried if nothing is set."""
    named = [name for name in JVM_VARIABLES if environment.get(name)]
    if not named:
        return
    try:
        submitted = shlex.split(environment.get("SPARK_SUBMIT_OPTS", ""))
        command = [str(java / "bin" / "java"), *submitted, *options, "-version"]
        tried = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=30, check=False)
        reason = _complaint(tried.stdout + tried.stderr) if tried.returncode else None
    except ValueError as error:
        reason = str(error)
    except subprocess.TimeoutExpired:
        # For example a debugger that waits for its user: he knows what he does.
        reason = None
    if reason is not None:
        raise ConfigurationError(
            f"Java does not start with {' and '.join(named)} of the environment ({reason}); correct or unset it"
        )


def _complaint(said: str) -> str:
    """The line that names the option.

    >>> end = "Error: Could not create the Java Virtual Machine."
    >>> _complaint(f"Picked up JAVA_TOOL_OPTIONS: -XX:+UseX\\nUnrecognized VM option 'UseX'\\n{end}")
    "Unrecognized VM option 'UseX'"
    """
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith(_NO_REASON)]
    return lines[0].strip() if lines else "it says nothing"


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
    begun = time.monotonic()
    apt_get = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"]
    _run([*apt_get, "update"])
    package = next((package for package in PACKAGES if _is_on_offer(package)), PACKAGES[0])
    said = _run([*apt_get, "install", "-y", "--no-install-recommends", package])
    print(f"Java: {installed(said, time.monotonic() - begun)}", flush=True)
    return find_java()


def installed(said: str, seconds: float) -> str:
    """What an installation amounts to, by what apt-get said of it.

    >>> installed("0 upgraded, 12 newly installed, 0 to remove and 3 not upgraded.\\nNeed to get 44.1 MB of archives.", 20.2)
    '12 packages, 44.1 MB in 20 s'
    >>> installed("0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.\\nNeed to get 0 B/44.1 MB of archives.", 3.0)
    '1 package, 0 B in 3 s'
    """
    count, size = re.search(r"(\d+) newly installed", said), re.search(r"Need to get ([\d.,]+ \w+)", said)
    parts = [*([counted(int(count[1]), "package")] if count else []), *([size[1]] if size else [])]
    return f"{', '.join(parts)} in {seconds:.0f} s".strip()


def _root_prefix() -> list[str] | None:
    """What to put before a command that needs root: nothing, sudo, or none if neither works."""
    if os.geteuid() == 0:
        return []
    may = shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    return ["sudo", "-n"] if may else None


def _is_on_offer(package: str) -> bool:
    return subprocess.run(["apt-cache", "show", package], capture_output=True, check=False).returncode == 0


def _run(command: list[str]) -> str:
    """What the command printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = " ".join(done.stderr.strip().splitlines()[-1:])
        raise ConfigurationError(
            f"{' '.join(command)} ended with {done.returncode}: {last}; install a Java 17 or 21, then run again"
        )
    return done.stdout
