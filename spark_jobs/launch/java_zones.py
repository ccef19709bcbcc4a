"""Which time zones Spark's Java knows, read from the file that Java itself reads them from: no JVM is started for it.

Python and Java each bring a time zone database of their own, and the one of Java decides: it executes what is planned. Compared
are names only; what the rules of a zone are may differ by the database's year, and those of Java count. Knows no plan.
"""

import os
import shutil
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.launch.java import search_java

BESIDE_THE_FILE = frozenset({"EST", "HST", "MST", "GMT+0", "GMT-0"})
"""Names that Spark resolves without the database."""

_INSIDE_A_JVM = "PYSPARK_GATEWAY_PORT"
"""Set by `spark-submit` in a driver that it has started."""


@dataclass(frozen=True)
class JavaZones:
    """The zones of the Java in `home`, whose time zone database is of `version`."""

    home: Path
    version: str
    names: frozenset[str]

    def trouble(self, zone: str) -> str | None:
        """Why Spark could not use the zone, none if it can."""
        if zone in self.names | BESIDE_THE_FILE:
            return None
        return f"Java in {self.home} does not know the time zone {zone!r} (its time zone database is {self.version})"


def zone_trouble(zone: str) -> str | None:
    """Why the Java that a run uses could not use the zone, none if it can, or if there is no Java here to be asked about."""
    if zone == "UTC":
        return None
    home = _java_home()
    return read_zones(home).trouble(zone) if home else None


def _java_home() -> Path | None:
    if _INSIDE_A_JVM not in os.environ:
        return search_java()
    # As Spark's own scripts choose it.
    if named := os.environ.get("JAVA_HOME"):
        return Path(named)
    on_path = shutil.which("java")
    return Path(on_path).resolve().parents[1] if on_path else None


@cache
def read_zones(home: Path) -> JavaZones:
    """The zones of a Java; `ConfigurationError` if it is none that Spark could run on.

    The file's head: a byte 1, the text TZDB, then the versions and the names of the zones, each list after how many there are.
    """
    path = home / "lib" / "tzdb.dat"
    try:
        texts = _Texts(path.read_bytes(), place=1)
        if texts.text() != "TZDB":
            raise ValueError("it does not begin with TZDB")
        versions = texts.texts()
        return JavaZones(home, ", ".join(versions), frozenset(texts.texts()))
    except (OSError, ValueError, struct.error) as error:
        raise ConfigurationError(
            f"cannot find out which time zones Java in {home} knows: {path}: {error}; set JAVA_HOME to a whole Java 17 or 21"
        ) from error


@dataclass
class _Texts:
    """Numbers and texts of Java's `DataOutputStream`, read one after the other."""

    data: bytes
    place: int

    def number(self) -> int:
        (found,) = struct.unpack_from(">H", self.data, self.place)
        self.place += 2
        return int(found)

    def text(self) -> str:
        end = self.number() + self.place
        found, self.place = self.data[self.place : end].decode("ascii"), end
        return found

    def texts(self) -> list[str]:
        return [self.text() for _ in range(self.number())]
