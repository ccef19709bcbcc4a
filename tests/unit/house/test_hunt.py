"""The hunt for secrets finds one in every place where a run could leave it;
a hunt that finds nothing proves something only then.
"""

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.hunt import command_lines, files_with, is_in, processes_with
from tests.submitted import wait_until

SECRET = f"canary{secrets.token_hex(16)}"


def packed(codec: str) -> Callable[[Path], object]:
    def write(file: Path) -> None:
        with pa.output_stream(str(file), compression=codec) as stream:
            stream.write(json.dumps({"Event": "x", "Spark Properties": {"spark.kafka.sasl.jaas.config": SECRET}}).encode())

    return write


CHANNELS: dict[str, Callable[[Path], object]] = {
    "a log": lambda file: file.write_text(f"12:00:00 password={SECRET}\n"),
    "an event log": packed("zstd"),
    "an older event log": packed("lz4"),
    "a rolled log": packed("gzip"),
    "a row of a table": lambda file: pq.write_table(pa.table({"raw": [b"x", f"<{SECRET}>".encode()]}), file),
    "statistics of a table": lambda file: file.write_text(
        json.dumps({"add": {"stats": json.dumps({"minValues": {"a": SECRET}})}})
    ),
    "a login that is packed for HTTP": lambda file: file.write_bytes(base64.b64encode(f"job:{SECRET}!".encode())),
    "a dump of a JVM": lambda file: file.write_bytes(b"\x00" + SECRET.encode("utf-16-be")),
}


@pytest.mark.group("SE")
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_leak_is_found_in_each_kind_of_file(tmp_path: Path, channel: str) -> None:
    leak = tmp_path / "deep" / "leak"
    leak.parent.mkdir()
    (tmp_path / "harmless").write_text("nothing")
    CHANNELS[channel](leak)
    assert files_with(SECRET, tmp_path) == {leak}
    assert files_with(SECRET, tmp_path, [leak.parent]) == set()


@pytest.mark.group("SE")
@pytest.mark.parametrize("before", ["", "u", "us", "job:"])
def test_a_leak_in_base64_is_found_wherever_it_begins(before: str) -> None:
    assert is_in(SECRET, base64.b64encode(f"{before}{SECRET} and more".encode()))


@pytest.mark.group("SE")
@pytest.mark.parametrize("place", ["arguments", "environment"])
def test_a_leak_is_found_in_a_process_and_those_below_it(place: str) -> None:
    inner = "import sys; print('ready', flush=True); sys.stdin.read()"
    told = [SECRET] if place == "arguments" else []
    environment = {**os.environ, **({"TOLD": SECRET} if place == "environment" else {})}
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}, *sys.argv[1:]])"
    with subprocess.Popen(
        [sys.executable, "-c", outer, *told], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        found = processes_with(SECRET, process.pid)
        assert any(SECRET in line for line in command_lines(process.pid)) == (place == "arguments")
        process.communicate()
    assert {one.partition(" of ")[0] for one in found} == {place}
    wait_until(lambda: processes_with(SECRET, process.pid) == set(), "the process to be gone")
