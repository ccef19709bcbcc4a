"""Pinned jars: what `conf/jars.lock` lists, fetched once into the project folder and verified.

A jar is in place or it is not: it is downloaded beside its place, compared with its sha256 and only then renamed. Shares no
cache with Ivy or Maven, whose half-filled ones break a start for good. Knows nothing of Spark or Kafka.
"""

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from spark_jobs.errors import ConfigurationError, DayfoldError, TryAgain

PROJECT = Path(__file__).resolve().parents[2]
LOCK, FOLDER = PROJECT / "conf" / "jars.lock", PROJECT / "jars"
MAVEN_CENTRAL = "https://repo1.maven.org/maven2"
MAVEN_VARIABLE = "DAYFOLD_MAVEN"
"""Environment variable that names another Maven repository, such as a company's mirror."""

_LINE = re.compile(r"(?P<group>[a-z]+)\s+(?P<sha256>[0-9a-f]{64})\s+(?P<coordinate>[\w.-]+:[\w.-]+:[\w.-]+)")
_CHUNK = 1 << 18
_PARALLEL = 6
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 30.0
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


def fetch_jars(lock: Path = LOCK, folder: Path = FOLDER) -> None:
    """Bring `folder` to exactly the jars of `lock`: fetch what is missing or damaged, remove what is not listed.

    Milliseconds when nothing changed since the last call: a jar whose size and time of change are those of its
    verification is not hashed again. Interrupted anywhere, the next call goes on.
    """
    jars = read_lock(lock)
    if _is_as_stamped(jars, folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one_at_a_time(folder):
        _remove_unlisted(jars, folder)
        _fetch_all([jar for jar in jars if not _is_intact(jar, folder)], folder)
        _write_stamp(jars, folder)


def jar_paths(group: str, lock: Path = LOCK, folder: Path = FOLDER) -> tuple[Path, ...]:
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


@contextlib.contextmanager
def _only_one_at_a_time(folder: Path) -> Iterator[None]:
    """Two set-ups at once: the second waits and then finds everything there."""
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch_all(jars: list[Jar], folder: Path) -> None:
    if not jars:
        return
    repository = os.environ.get(MAVEN_VARIABLE) or MAVEN_CENTRAL
    with _progress(len(jars), repository) as (on_bytes, on_jar), ThreadPoolExecutor(_PARALLEL) as pool:
        try:
            for _ in pool.map(lambda jar: _fetch(jar, repository, folder, on_bytes), jars):
                on_jar()
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch(jar: Jar, repository: str, folder: Path, on_bytes: Callable[[int], None]) -> None:
    target = folder / jar.place
    target.parent.mkdir(exist_ok=True)
    beside = target.with_suffix(".part")
    try:
        _download_with_retries(jar, jar.url(repository), beside, on_bytes)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _download_with_retries(jar: Jar, url: str, path: Path, on_bytes: Callable[[int], None]) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            found = _download(url, path, on_bytes)
            break
        except (OSError, http.client.HTTPException) as error:
            if attempt == _ATTEMPTS or not _may_pass(error):
                raise _explained(jar, url, error) from error
            time.sleep(attempt)
    if found != jar.sha256:
        raise ConfigurationError(
            f"{jar.coordinate}: {url} holds other bytes than the pinned ones (sha256 {found}, wanted {jar.sha256}), "
            "so it was not used. Run again; if it stays so, the repository or a proxy changes files."
        )


def _download(url: str, path: Path, on_bytes: Callable[[int], None]) -> str:
    """Write what `url` holds to `path`; its sha256. A body shorter than announced is an error."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, path.open("wb") as file:
        announced = response.headers.get("Content-Length")
        left = int(announced) if announced else None
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            on_bytes(len(chunk))
            left = left - len(chunk) if left is not None else None
    if left:
        raise ConnectionError(f"the connection ended {left} bytes too early")
    return digest.hexdigest()


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, urllib.error.HTTPError) or error.code >= 500 or error.code == 429


def _explained(jar: Jar, url: str, error: Exception) -> DayfoldError:
    if not _may_pass(error):
        return ConfigurationError(f"{jar.coordinate}: {url} answers {error}; {MAVEN_VARIABLE} can name another Maven repository")
    cause = getattr(error, "reason", None) or error
    return TryAgain(
        f"{jar.coordinate}: {url} could not be downloaded in {_ATTEMPTS} attempts ({cause}); run again when the network is back, "
        f"or name another Maven repository in {MAVEN_VARIABLE}"
    )


@contextlib.contextmanager
def _progress(count: int, repository: str) -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """A bar on a terminal, one line in a log; yields what to call for bytes received and for a finished jar."""
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"fetching {count} jars from {repository}", highlight=False, soft_wrap=True)
    columns = (
        TextColumn("fetching jars"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[mb]:.0f} MB"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("jars", total=count, mb=0.0)
        yield (
            (lambda size: progress.update(task, mb=progress.tasks[0].fields["mb"] + size / 1e6)),
            (lambda: progress.advance(task)),
        )
