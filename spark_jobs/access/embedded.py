"""Where the embedded Kafka of a folder answers, and which cluster it is: for those who are to use that one and no other.

`bootstrap.servers=embedded` in a properties file means the broker that `dayfold broker start` starts in the file's own project,
at whatever port. Several clones of the project on one machine each have one, and what is planned on another one's topics would be
published to them. Reads what the broker's folder says and who lives; starts nothing, asks no Kafka.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.base.errors import TryAgain

EMBEDDED = "embedded"
STATE, PROPERTIES, DATA = "broker.json", "server.properties", "data"


@dataclass(frozen=True)
class Embedded:
    """A broker that runs: its address, and the id of its cluster."""

    servers: str
    cluster: str


def folder_meant(path: Path, servers: str, project: Path) -> Path | None:
    """The folder of the embedded broker that a properties file leads to, none if it names brokers of somebody's own.

    The file that a broker's start writes into its folder names a port that another broker may have by the time it is read.
    """
    if (path.parent / STATE).exists():
        return path.parent
    return project / "data" / "kafka" if servers == EMBEDDED else None


def find_embedded(folder: Path) -> Embedded:
    """The broker that runs in `folder`; `TryAgain` with what to do if none does."""
    folder = folder.resolve()
    state = read_state(folder)
    if not _lives(folder, state.get("pid")):
        raise TryAgain(
            f"the embedded Kafka of {folder} is not running: start it with `dayfold broker start`, "
            "or name brokers of your own in the Kafka properties file"
        )
    return Embedded(f"127.0.0.1:{state['port']}", cluster_id(folder))


def _lives(folder: Path, pid: int | None) -> bool:
    """Whether the process is this folder's broker and not one that was given a dead broker's number."""
    with suppress(OSError):
        return str(folder / PROPERTIES) in Path(f"/proc/{pid}/cmdline").read_text("utf-8", errors="surrogateescape").split("\0")
    return False


def read_state(folder: Path) -> dict[str, int]:
    """`port`, `controller_port` and `pid` of the last start, as far as they are known."""
    try:
        state: dict[str, int] = json.loads((folder / STATE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return state


def cluster_id(folder: Path) -> str:
    """The id the storage was formatted with."""
    return parse_properties(folder / DATA / "meta.properties")["cluster.id"]


def parse_properties(path: Path) -> dict[str, str]:
    """The lines of a properties file that a Kafka tool wrote."""
    lines = [line.partition("=") for line in path.read_text().splitlines() if not line.startswith("#")]
    return {key: value for key, _, value in lines}
