"""Fetching jars from a repository that we serve ourselves, well and badly."""

import hashlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError, TryAgain
from spark_jobs.local.setup.jars import LOCK, Jar, fetch_jars, jar_paths, read_lock

ONE, TWO = b"first jar " * 1000, b"second jar " * 1000


class Repository(ThreadingHTTPServer):
    """Serves `files` by path and notes what was asked for.

    As often as `cut` says it sends only half of a file, as often as `busy` says nothing at all; one in `stalls` it leaves half
    sent.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files: dict[str, bytes] = {}
        self.cut: dict[str, int] = {}
        self.busy: dict[str, int] = {}
        self.stalls: set[str] = set()
        self.stalled, self.goes_on = threading.Event(), threading.Event()
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/maven"

    def jar(self, coordinate: str, content: bytes) -> Jar:
        """Serve `content` as the jar of this coordinate; the lock file's line about it."""
        jar = Jar("spark", hashlib.sha256(content).hexdigest(), coordinate)
        self.files[jar.url("/maven")] = content
        return jar


class _Answer(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path)
        if self._counts_down(self.server.busy):
            self.send_error(503)
        elif content is None:
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self._send(content)

    def _send(self, content: bytes) -> None:
        half = len(content) // 2
        self.wfile.write(content[:half])
        if self.path in self.server.stalls:
            self.server.stalled.set()
            self.server.goes_on.wait(30)
        elif not self._counts_down(self.server.cut):
            self.wfile.write(content[half:])

    def _counts_down(self, times: dict[str, int]) -> bool:
        left = times.get(self.path, 0)
        times[self.path] = left - 1
        return left > 0

    def log_message(self, *_: object) -> None:
        """Keep the test's output to itself."""


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    with Repository() as server:
        monkeypatch.setenv("DAYFOLD_MAVEN", server.url)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "jars"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "jars.lock"


def write(lock: Path, *jars: Jar) -> None:
    lock.write_text("# a comment\n\n" + "".join(f"{jar.group}  {jar.sha256}  {jar.coordinate}\n" for jar in jars))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("*/*")}


def test_missing_jars_are_fetched_into_the_folder_of_their_group(
    repository: Repository, lock: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(lock, repository.jar("org.example:one:1.0", ONE), repository.jar("org.example.deep:two:2.0", TWO))
    fetch_jars(lock, folder)
    assert contents(folder) == {"spark/one-1.0.jar": ONE, "spark/two-2.0.jar": TWO}
    assert sorted(repository.asked) == ["/maven/org/example/deep/two/2.0/two-2.0.jar", "/maven/org/example/one/1.0/one-1.0.jar"]
    assert jar_paths("spark", lock, folder) == (folder / "spark/one-1.0.jar", folder / "spark/two-2.0.jar")
    assert re.fullmatch(r"jars: 2 files, 0\.0 MB in \d s\n", capsys.readouterr().out)
    fetch_jars(lock, folder)
    assert capsys.readouterr().out == ""


def test_a_verified_jar_is_neither_fetched_nor_read_again(repository: Repository, lock: Path, folder: Path) -> None:
    write(lock, repository.jar("org.example:one:1.0", ONE))
    fetch_jars(lock, folder)
    repository.asked.clear()
    jar = folder / "spark/one-1.0.jar"
    verified = jar.stat()
    # Reading it would find this; size and time alone do not tell.
    jar.write_bytes(b"?" * len(ONE))
    os.utime(jar, ns=(verified.st_atime_ns, verified.st_mtime_ns))
    fetch_jars(lock, folder)
    assert repository.asked == []


def test_a_jar_that_was_damaged_in_place_is_fetched_again(repository: Repository, lock: Path, folder: Path) -> None:
    write(lock, repository.jar("org.example:one:1.0", ONE))
    fetch_jars(lock, folder)
    (folder / "spark/one-1.0.jar").write_bytes(ONE[:-1] + b"?")
    fetch_jars(lock, folder)
    assert contents(folder) == {"spark/one-1.0.jar": ONE}


def test_an_intact_jar_without_a_stamp_is_verified_and_kept(repository: Repository, lock: Path, folder: Path) -> None:
    write(lock, repository.jar("org.example:one:1.0", ONE))
    (folder / "spark").mkdir(parents=True)
    (folder / "spark/one-1.0.jar").write_bytes(ONE)
    fetch_jars(lock, folder)
    assert repository.asked == []


def test_other_bytes_than_the_pinned_ones_are_never_put_in_place(repository: Repository, lock: Path, folder: Path) -> None:
    jar = repository.jar("org.example:one:1.0", ONE)
    write(lock, jar)
    repository.files[jar.url("/maven")] = TWO
    with pytest.raises(ConfigurationError, match=r"org\.example:one:1\.0: http://.*/one-1\.0\.jar holds other bytes"):
        fetch_jars(lock, folder)
    assert contents(folder) == {}


def test_a_download_that_breaks_off_is_tried_again(repository: Repository, lock: Path, folder: Path) -> None:
    jar = repository.jar("org.example:one:1.0", ONE)
    write(lock, jar)
    repository.cut[jar.url("/maven")] = 1
    fetch_jars(lock, folder)
    assert contents(folder) == {"spark/one-1.0.jar": ONE}
    assert len(repository.asked) == 2


def test_a_download_that_always_breaks_off_leaves_nothing_and_names_jar_and_url(
    repository: Repository, lock: Path, folder: Path
) -> None:
    jar = repository.jar("org.example:one:1.0", ONE)
    write(lock, jar)
    repository.cut[jar.url("/maven")] = 100
    with pytest.raises(TryAgain, match=r"org\.example:one:1\.0: http://.*/one-1\.0\.jar .*ended after 5,000 of 10,000 bytes"):
        fetch_jars(lock, folder)
    assert contents(folder) == {}


def test_a_busy_repository_is_asked_again(repository: Repository, lock: Path, folder: Path) -> None:
    jar = repository.jar("org.example:one:1.0", ONE)
    write(lock, jar)
    repository.busy[jar.url("/maven")] = 1
    fetch_jars(lock, folder)
    assert contents(folder) == {"spark/one-1.0.jar": ONE}


def test_a_jar_the_repository_does_not_have_is_asked_for_once(repository: Repository, lock: Path, folder: Path) -> None:
    jar = repository.jar("org.example:one:1.0", ONE)
    write(lock, jar)
    repository.files.clear()
    with pytest.raises(ConfigurationError, match=r"org\.example:one:1\.0: .* answers HTTP Error 404.*DAYFOLD_MAVEN"):
        fetch_jars(lock, folder)
    assert len(repository.asked) == 1


def test_after_a_failure_the_next_fetch_goes_on_with_what_is_missing(repository: Repository, lock: Path, folder: Path) -> None:
    one, two = repository.jar("org.example:one:1.0", ONE), repository.jar("org.example:two:1.0", TWO)
    write(lock, one)
    fetch_jars(lock, folder)
    write(lock, one, two)
    held_back = repository.files.pop(two.url("/maven"))
    with pytest.raises(ConfigurationError):
        fetch_jars(lock, folder)
    repository.files[two.url("/maven")] = held_back
    fetch_jars(lock, folder)
    assert contents(folder) == {"spark/one-1.0.jar": ONE, "spark/two-1.0.jar": TWO}
    assert repository.asked.count(one.url("/maven")) == 1


def test_a_jar_that_is_no_longer_listed_leaves_the_class_path(repository: Repository, lock: Path, folder: Path) -> None:
    write(lock, repository.jar("org.example:one:1.0", ONE))
    fetch_jars(lock, folder)
    write(lock, repository.jar("org.example:one:1.1", TWO))
    fetch_jars(lock, folder)
    assert contents(folder) == {"spark/one-1.1.jar": TWO}


def test_a_jar_put_there_by_hand_is_removed_too(repository: Repository, lock: Path, folder: Path) -> None:
    write(lock, repository.jar("org.example:one:1.0", ONE))
    fetch_jars(lock, folder)
    (folder / "spark/one-0.9.jar").write_bytes(TWO)
    fetch_jars(lock, folder)
    assert contents(folder) == {"spark/one-1.0.jar": ONE}


def test_what_a_killed_fetch_left_behind_is_removed(repository: Repository, lock: Path, folder: Path) -> None:
    write(lock, repository.jar("org.example:one:1.0", ONE))
    (folder / "spark").mkdir(parents=True)
    (folder / "spark/one-1.0.part").write_bytes(ONE[:100])
    (folder / "spark/other-1.0.part").write_bytes(ONE[:100])
    fetch_jars(lock, folder)
    assert contents(folder) == {"spark/one-1.0.jar": ONE}


def test_a_fetch_killed_in_the_middle_of_a_download_puts_nothing_in_place(
    repository: Repository, lock: Path, folder: Path
) -> None:
    jar = repository.jar("org.example:one:1.0", ONE)
    write(lock, jar)
    repository.stalls.add(jar.url("/maven"))
    script = (
        "import sys, pathlib; from spark_jobs.local.setup.jars import fetch_jars; fetch_jars(*map(pathlib.Path, sys.argv[1:]))"
    )
    with subprocess.Popen([sys.executable, "-c", script, lock, folder], stderr=subprocess.DEVNULL) as fetching:
        assert repository.stalled.wait(30)
        fetching.kill()
    repository.goes_on.set()
    assert "spark/one-1.0.jar" not in contents(folder)
    repository.stalls.clear()
    fetch_jars(lock, folder)
    assert contents(folder) == {"spark/one-1.0.jar": ONE}


def test_two_fetches_at_once_download_every_jar_once(repository: Repository, lock: Path, folder: Path) -> None:
    write(lock, *(repository.jar(f"org.example:jar{number}:1.0", ONE) for number in range(20)))
    with ThreadPoolExecutor() as pool:
        for _ in range(2):
            pool.submit(fetch_jars, lock, folder)
    assert len(contents(folder)) == 20
    assert len(repository.asked) == len(set(repository.asked)) == 20


def test_a_server_that_does_not_answer_is_an_error_worth_a_retry(
    lock: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Repository() as closed:
        jar = closed.jar("org.example:one:1.0", ONE)
    monkeypatch.setenv("DAYFOLD_MAVEN", closed.url)
    write(lock, jar)
    with pytest.raises(TryAgain, match=r"org\.example:one:1\.0: .*refused"):
        fetch_jars(lock, folder)


def test_a_line_that_pins_nothing_is_an_error_with_its_number(lock: Path, folder: Path) -> None:
    lock.write_text("# head\nspark  abc  org.example:one:1.0\n")
    with pytest.raises(ConfigurationError, match=r"jars\.lock:2: 'spark  abc  org\.example:one:1\.0'"):
        fetch_jars(lock, folder)


def test_the_committed_lock_pins_each_place_once() -> None:
    places = [jar.place for jar in read_lock(LOCK)]
    assert len(places) == len(set(places)) == 40
    assert {place.partition("/")[0] for place in places} == {"spark", "kafka"}
