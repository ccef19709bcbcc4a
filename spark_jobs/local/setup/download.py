"""Verified downloads: a few at a time, each written beside its place, compared with its sha256 and only then renamed.

So a file is in place or it is not; a broken or interrupted download is never used. Does not know which files, nor where they are
listed.
"""

import hashlib
import http.client
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from spark_jobs.base.errors import ConfigurationError, DayfoldError, TryAgain
from spark_jobs.base.wording import counted

MAVEN_CENTRAL = "https://repo1.maven.org/maven2"
MAVEN_VARIABLE = "DAYFOLD_MAVEN"
"""Environment variable that names another Maven repository, such as a company's mirror."""

_CHUNK = 1 << 18
_PARALLEL = 6
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 30.0

OnBytes = Callable[[int], None]


@dataclass(frozen=True)
class WantedFile:
    """One file to fetch; `name` is what messages call it."""

    name: str
    url: str
    target: Path
    sha256: str


def maven_repository() -> str:
    """Maven Central, or the one that `DAYFOLD_MAVEN` names."""
    return os.environ.get(MAVEN_VARIABLE) or MAVEN_CENTRAL


def download_all(files: list[WantedFile], source: str) -> None:
    """Bring every file to its place and say how much that was, or raise the first error;
    `source` is what the progress line says.
    """
    begun = time.monotonic()
    _download_all(files, source)
    size = sum(one.target.stat().st_size for one in files)
    print(f"jars: {fetched(len(files), size, time.monotonic() - begun)}", flush=True)


def fetched(count: int, size: int, seconds: float) -> str:
    """What a download amounts to.

    >>> fetched(34, 120_400_000, 8.2), fetched(1, 4_210_000, 0.4)
    ('34 files, 120 MB in 8 s', '1 file, 4.2 MB in 0 s')
    """
    megabytes = size / 1e6
    return f"{counted(count, 'file')}, {megabytes:,.{0 if megabytes >= 10 else 1}f} MB in {seconds:.0f} s"


def _download_all(files: list[WantedFile], source: str) -> None:
    stopped = threading.Event()
    with _progress(len(files), source) as (on_bytes, on_file), ThreadPoolExecutor(_PARALLEL) as pool:

        def count_or_stop(size: int) -> None:
            if stopped.is_set():
                raise CancelledError
            on_bytes(size)

        try:
            for _ in pool.map(lambda wanted: _fetch(wanted, count_or_stop), files):
                on_file()
        finally:
            # After a failure or Ctrl-C nobody waits for the other downloads.
            stopped.set()
            pool.shutdown(cancel_futures=True)


def _fetch(wanted: WantedFile, on_bytes: OnBytes) -> None:
    wanted.target.parent.mkdir(exist_ok=True)
    beside = wanted.target.with_suffix(".part")
    try:
        found = _download_with_retries(wanted, beside, on_bytes)
        if found != wanted.sha256:
            raise ConfigurationError(
                f"{wanted.name}: {wanted.url} holds other bytes than the pinned ones (sha256 {found}, wanted {wanted.sha256}), "
                "so it was not used. Run again; if it stays so, the repository or a proxy changes files."
            )
        beside.replace(wanted.target)
    finally:
        beside.unlink(missing_ok=True)


def _download_with_retries(wanted: WantedFile, path: Path, on_bytes: OnBytes) -> str:
    attempt = 1
    while True:
        try:
            return _download(wanted.url, path, on_bytes)
        except (OSError, http.client.HTTPException) as error:
            if attempt == _ATTEMPTS or not _may_pass(error):
                raise _explained(wanted, error) from error
        time.sleep(0.5 * attempt)
        attempt += 1


def _download(url: str, path: Path, on_bytes: OnBytes) -> str:
    """Write what `url` holds to `path`; its sha256. A body shorter than announced is an error."""
    digest = hashlib.sha256()
    received = 0
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, path.open("wb") as file:
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            received += len(chunk)
            on_bytes(len(chunk))
        announced = int(response.headers.get("Content-Length", received))
    if received < announced:
        raise ConnectionError(f"the connection ended after {received:,} of {counted(announced, 'byte')}")
    return digest.hexdigest()


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, urllib.error.HTTPError) or error.code >= 500 or error.code == http.HTTPStatus.TOO_MANY_REQUESTS


def _explained(wanted: WantedFile, error: Exception) -> DayfoldError:
    if not _may_pass(error):
        return ConfigurationError(
            f"{wanted.name}: {wanted.url} answers {error}; {MAVEN_VARIABLE} can name another Maven repository"
        )
    cause = getattr(error, "reason", None) or error
    return TryAgain(
        f"{wanted.name}: {wanted.url} could not be downloaded in {_ATTEMPTS} attempts ({cause}); run again when that is mended, "
        f"or name another Maven repository in {MAVEN_VARIABLE}"
    )


@contextmanager
def _progress(count: int, source: str) -> Iterator[tuple[OnBytes, Callable[[], None]]]:
    """A bar on a terminal, one line in a log; yields what to call for bytes received and for a finished file."""
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"fetching {counted(count, 'jar')} from {source}", highlight=False, soft_wrap=True)
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
