"""A hunt for a secret in everything that a run leaves behind:
files however they are packed, command lines, environments and texts.
"""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

PACKED = {b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b": "gzip", b"\x04\x22\x4d\x18": "lz4"}
"""First bytes of what is compressed as a whole, as Spark's event log is."""
PARQUET = b"PAR1"


def is_in(secret: str, content: bytes | str) -> bool:
    """Whether a text or bytes hold the secret: as it is, in UTF-16, in base64 at any place, or in hexadecimal digits."""
    found = content.encode() if isinstance(content, str) else content
    return any(form in found for form in _forms(secret))


def files_with(secret: str, folder: Path, left_out: Iterable[Path] = ()) -> set[Path]:
    """Files below a folder that hold the secret, unpacked where they are packed; not those in the folders that are left out."""
    outside = tuple(left_out)
    files = (file for file in folder.rglob("*") if file.is_file() and not any(one in file.parents for one in outside))
    return {file for file in files if any(is_in(secret, content) for content in contents_of(file))}


def contents_of(file: Path) -> Iterator[bytes]:
    """What a file holds: its bytes, and what they are if they are packed."""
    raw = file.read_bytes()
    yield raw
    for start, codec in PACKED.items():
        if raw.startswith(start):
            with pa.input_stream(pa.BufferReader(raw), compression=codec) as unpacked:
                yield unpacked.read()
    if raw.startswith(PARQUET):
        yield repr(pq.read_table(pa.BufferReader(raw)).to_pylist()).encode()


def processes_with(secret: str, pid: int) -> set[str]:
    """Which of a process and those below it hold the secret now, and where:
    "arguments" or "environment", with the program's name.
    """
    return {f"{place} of {name}" for place, name, text in _texts_of(pid) if is_in(secret, text)}


def command_lines(pid: int) -> set[str]:
    """The command lines of a process and those below it."""
    return {text for place, _, text in _texts_of(pid) if place == "arguments"}


def _texts_of(pid: int) -> Iterator[tuple[str, str, str]]:
    for process in _with_children(pid):
        try:
            name, arguments, environment = process.name(), process.cmdline(), process.environ()
        except psutil.Error:
            continue
        yield "arguments", name, " ".join(arguments)
        yield "environment", name, "\n".join(f"{key}={value}" for key, value in environment.items())


def _with_children(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _forms(secret: str) -> Iterator[bytes]:
    plain = secret.encode()
    yield plain
    yield secret.encode("utf-16-le")
    yield secret.encode("utf-16-be")
    yield plain.hex().encode()
    for shift in range(3):
        # What stands before and after the secret decides about its first and last characters only.
        packed = base64.b64encode(bytes(shift) + plain)
        yield packed[4 if shift else 0 : len(packed) - 4]
