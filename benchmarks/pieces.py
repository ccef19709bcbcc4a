"""The pieces in which messages come, whatever they are about, and what must be counted of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.ads import AdHour, AdOracle, AdShape
from benchmarks.loads import INCREMENT_DAYS, Shape, load_of, newest_records, split
from benchmarks.oracle import Oracle
from spark_jobs.local.kafka.sending import Sendable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contestants.contestant import Contestant, Place


class Piece(Protocol):
    """Messages that are sent together."""

    @property
    def count(self) -> int: ...
    def messages(self) -> Iterator[Sendable]: ...


class Expected(Protocol):
    """What must be counted of the pieces that were sent."""

    @property
    def count(self) -> int: ...
    def add(self, piece: Any, /) -> None: ...
    def ends(self, partitions: int) -> dict[int, int]: ...
    def objection_to(self, contestant: "Contestant", place: "Place") -> str | None: ...


def expected_of(shape: Shape | AdShape) -> Expected:
    """Of a topic that nothing was sent to yet."""
    return AdOracle(shape) if isinstance(shape, AdShape) else Oracle()


def pieces_of(shape: Shape | AdShape, records: int | None, increments: int = 0) -> tuple["Sequence[Piece]", "Sequence[Piece]"]:
    """What comes before the increments, at most so many readings, and the increments: so many pieces of four days of readings,
    or of one hour of events.
    """
    if isinstance(shape, AdShape):
        hours = [AdHour(shape, number) for number in range(shape.hours + increments)]
        return hours[: shape.hours], hours[shape.hours :]
    portions, cut = split(load_of(shape), increments, INCREMENT_DAYS) if increments else (load_of(shape), [])
    return portions if records is None else newest_records(portions, records), cut
