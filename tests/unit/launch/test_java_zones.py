"""The names of Java's time zones, read without a JVM."""

import struct
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.launch.java import find_java
from spark_jobs.launch.java_zones import read_zones, zone_trouble


def texts(*names: str) -> bytes:
    return struct.pack(">H", len(names)) + b"".join(struct.pack(">H", len(name)) + name.encode() for name in names)


def a_java(folder: Path, data: bytes) -> Path:
    (folder / "lib").mkdir()
    (folder / "lib" / "tzdb.dat").write_bytes(data)
    return folder


@pytest.mark.proves("F170")
def test_the_file_says_its_version_and_every_zone(tmp_path: Path) -> None:
    data = b"\x01" + texts("TZDB")[2:] + texts("2024b") + texts("Europe/Paris", "UTC") + b"and more"
    zones = read_zones(a_java(tmp_path, data))
    assert (zones.version, sorted(zones.names)) == ("2024b", ["Europe/Paris", "UTC"])
    assert zones.trouble("Europe/Paris") is None
    assert zones.trouble("America/Coyhaique") == (
        f"Java in {tmp_path} does not know the time zone 'America/Coyhaique' (its time zone database is 2024b)"
    )


@pytest.mark.proves("F170")
@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01" + texts("TZDB"), b"\x01\x00\x04TZDC", b"\x01\x00\x04\xff\xff\xff\xff"])
def test_a_file_that_is_none_is_told(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot find out which time zones Java in .* knows"):
        read_zones(a_java(tmp_path, data))


def test_a_java_without_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read_zones(tmp_path)


def test_the_java_here_knows_common_zones() -> None:
    assert {"Europe/Paris", "America/New_York", "Asia/Kathmandu"} < read_zones(find_java()).names


@pytest.mark.proves("F170")
def test_a_driver_asks_the_java_that_it_runs_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = a_java(tmp_path, b"\x01" + texts("TZDB")[2:] + texts("1999x") + texts("UTC"))
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    assert "its time zone database is 1999x" in str(zone_trouble("Europe/Paris"))
    assert zone_trouble("UTC") is None
