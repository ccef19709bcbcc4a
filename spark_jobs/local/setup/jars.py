"""Pinned jars: what `conf/jars.lock` lists, fetched once into the project folder and verified.

A jar is in place or it is not: it is downloaded beside its place, compared with its sha256 and only then renamed. Shares no
cache with Ivy or Maven, whose half-filled ones break a start for good. Knows nothing of Spark or Kafka.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.project import PROJECT
from spark_jobs.local.exclusive import exclusively

LOCK, JARS = PROJECT / "conf" / "jars.lock", PROJECT / "jars"

_LINE = re.compile(r"(?P<group>[a-z]+)\s+(?P<sha256>[0-9a-f]{64})\s+(?P<coordinate>[\w.-]+:[\w.-]+:[\w.-]+)")
_STAMP = ".verified.json"


@dataclass(frozen=True)
class Jar:
    """One line of the lock file."""

    group: str
    sha256: str
    coordinate: str

    @property
    def place(self) -> str:
        """Where it stands below the jar folder.

        >>> Jar("kafka", "00", "org.slf4j:slf4j-api:1.7.36").place
        'kafka/slf4j-api-1.7.36.jar'
        """
        _, artifact, version = self.coordinate.split(":")
        return f"{self.group}/{artifact}-{version}.jar"

    def url(self, repository: str) -> str:
        """Where a Maven repository keeps it.

        >>> Jar("kafka", "00", "org.slf4j:slf4j-api:1.7.36").url("https://repo1.maven.org/maven2/")
        'https://repo1.maven.org/maven2/org/slf4j/slf4j-api/1.7.36/slf4j-api-1.7.36.jar'
        """
        organisation, artifact, version = self.coordinate.split(":")
        folders = "/".join([repository.rstrip("/"), *organisation.split("."), artifact, version])
        return f"{folders}/{artifact}-{version}.jar"


def read_lock(lock: Path = LOCK) -> tuple[Jar, ...]:
    """The pinned jars, in the order of the file; a line that is none is an error."""
    lines = [(number, line.strip()) for number, line in enumerate(lock.read_text().splitlines(), start=1)]
    return tuple(_parse_line(lock, number, line) for number, line in lines if line and not line.startswith("#"))


def _parse_line(lock: Path, number: int, line: str) -> Jar:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ConfigurationError(f"{lock}:{number}: {line!r} is not of the form: group sha256 organisation:artifact:version")
    return Jar(**match.groupdict())


def fetch_jars(lock: Path = LOCK, folder: Path = JARS) -> None:
    """Bring `folder` to exactly the jars of `lock`: fetch what is missing or damaged, remove what is not listed.

    Milliseconds when nothing changed since the last call: a jar whose size and time of change are those of its
    verification is not hashed again. Interrupted anywhere, the next call goes on.
    """
    jars = read_lock(lock)
    if _is_as_stamped(jars, folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with exclusively(folder):
        _remove_unlisted(jars, folder)
        _download([jar for jar in jars if not _is_intact(jar, folder)], folder)
        _write_stamp(jars, folder)


def jar_paths(group: str, lock: Path = LOCK, folder: Path = JARS) -> tuple[Path, ...]:
    """Absolute paths of a group's jars, in the order of the lock file, whether they are there or not."""
    return tuple((folder / jar.place).resolve() for jar in read_lock(lock) if jar.group == group)


def _is_as_stamped(jars: Iterable[Jar], folder: Path) -> bool:
    try:
        found = _facts(jars, folder)
        stamped = json.loads((folder / _STAMP).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return stamped == found and _jar_files(folder) == set(found)


def _facts(jars: Iterable[Jar], folder: Path) -> dict[str, list[str | int]]:
    """What a stamp holds of each jar; a file changed since has another size or time."""
    states = {jar: (folder / jar.place).stat() for jar in jars}
    return {jar.place: [jar.sha256, state.st_size, state.st_mtime_ns] for jar, state in states.items()}


def _write_stamp(jars: Iterable[Jar], folder: Path) -> None:
    beside = folder / f"{_STAMP}.part"
    beside.write_text(json.dumps(_facts(jars, folder), indent=1))
    beside.replace(folder / _STAMP)


def _jar_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.glob("*/*.jar")}


def _remove_unlisted(jars: Iterable[Jar], folder: Path) -> None:
    """A jar of an earlier lock file on the same class path would be a second version of it."""
    for place in _jar_files(folder) - {jar.place for jar in jars}:
        (folder / place).unlink()
    for unfinished in folder.glob("*/*.part"):
        unfinished.unlink()


def _is_intact(jar: Jar, folder: Path) -> bool:
    path = folder / jar.place
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256


def _download(jars: list[Jar], folder: Path) -> None:
    if not jars:
        return
    # Imported here: network and progress bar take a third of the time of a set-up that finds everything in place.
    from spark_jobs.local.setup.download import WantedFile, download_all, maven_repository

    repository = maven_repository()
    download_all([WantedFile(jar.coordinate, jar.url(repository), folder / jar.place, jar.sha256) for jar in jars], repository)
