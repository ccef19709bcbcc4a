"""A simulated Kafka cluster: logs, transactions and groups as a broker keeps them, without network, disk and threads.

It answers at once and at one place; what a client sees of it late, twice or never is `clients.py`'s to play. Markers of a
transaction are written some time after its end was decided, each partition's at its own time, as brokers do. Rules that matter
here are held against a real broker by the same tests.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

NO_EPOCH = -1


class Refused(Exception):
    """What a broker answers instead: the number of one of Kafka's errors, and a text where clients read one."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


@dataclass(eq=False)
class Transaction:
    """One transaction of the producer of that name: `outcome` is None while it is open; `unmarked` are the places where its end
    is not written yet, `torn` those that get the other marker. `claim` is the one that its markers are written with.
    """

    began: float
    name: str
    claim: "Claim"
    outcome: str | None = None
    unmarked: dict[object, None] = field(default_factory=dict)
    torn: set[object] = field(default_factory=set)
    offsets: dict[tuple[str, str, int], tuple[int, str]] = field(default_factory=dict)

    def is_committed(self, place: object) -> bool:
        """Whether its marker there says so, or will."""
        return self.outcome == ("aborted" if place in self.torn else "committed")

    @property
    def is_over(self) -> bool:
        return self.outcome is not None and not self.unmarked


@dataclass(eq=False)
class Stored:
    """A record, or a transaction's marker (`control`), at its place in a log.

    `written` is when it was appended, `lost` when an election and `compacted` when the cleaner took it away, for who judges; no
    client sees any of them.
    """

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int
    transaction: Transaction | None = None
    control: bool = False
    written: float = 0.0
    lost: float | None = None
    compacted: float | None = None


class Log:
    """A partition: what is between `low` and `high`, with holes where records were compacted."""

    def __init__(self, number: int, clock: Callable[[], float]) -> None:
        self.number = number
        self.clock = clock
        self.records: list[Stored] = []
        self.history: list[Stored] = []
        """Every record that was ever appended."""
        self.low = 0
        self.high = 0
        self.epochs: list[tuple[int, int]] = [(0, 0)]
        """Each leader epoch with the offset at which it began."""
        self.open: dict[Transaction, int] = {}
        """The first offset of each transaction without a marker here."""
        self.claims: dict[str, Claim] = {}
        """The claim that each producer wrote with last, or that its markers had."""

    @property
    def epoch(self) -> int:
        return self.epochs[-1][0]

    @property
    def stable(self) -> int:
        """Where a read_committed reader ends."""
        return min(self.open.values(), default=self.high)

    def append(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...],
        timestamp: int,
        transaction: Transaction | None = None,
        *,
        control: bool = False,
    ) -> int:
        """Write at the end; the offset."""
        offset = self.high
        self.records.append(Stored(offset, key, value, headers, timestamp, transaction, control, self.clock()))
        self.history.append(self.records[-1])
        self.high += 1
        if transaction is not None:
            self.claims[transaction.name] = transaction.claim
        if transaction is not None and not control and transaction not in self.open:
            self.open[transaction] = offset
            transaction.unmarked[self] = None
        return offset

    def mark(self, transaction: Transaction, timestamp: int) -> None:
        """Write the marker of a transaction whose end is decided."""
        if self in transaction.unmarked:
            self.append(None, None, (), timestamp, transaction, control=True)
            self.open.pop(transaction, None)
            transaction.unmarked.pop(self, None)

    def shown(self, start: int, end: int, *, committed: bool) -> Iterator[Stored]:
        """Records of the range that a reader of the level sees."""
        for one in self.records[self._place(start) :]:
            if one.offset >= end:
                return
            if not one.control and (not committed or self.is_committed(one)):
                yield one

    def is_committed(self, record: Stored) -> bool:
        """Whether readers of committed records see it, or will; a marker is no record."""
        return not record.control and (record.transaction is None or record.transaction.is_committed(self))

    def next_shown(self, start: int, end: int, *, committed: bool) -> Stored | None:
        """The first of them."""
        return next(self.shown(start, end, committed=committed), None)

    def delete_before(self, offset: int) -> None:
        """As retention does."""
        self.low = max(self.low, min(offset, self.high))
        self.records = self.records[self._place(self.low) :]

    def lose_end(self, offset: int) -> None:
        """As an unclean election does: a new leader knows nothing from the offset on."""
        self.new_leader()
        for one in self.records[self._place(offset) :]:
            one.lost = self.clock()
        self.records = self.records[: self._place(offset)]
        self.high = max(self.low, min(self.high, offset))
        self.epochs = [(epoch, min(start, self.high)) for epoch, start in self.epochs]
        for transaction in [one for one, first in self.open.items() if first >= self.high]:
            del self.open[transaction]
            transaction.unmarked.pop(self, None)

    def new_leader(self) -> None:
        """A leader with a later epoch, which loses nothing."""
        self.epochs.append((self.epoch + 1, self.high))

    def end_of_epoch(self, epoch: int) -> int:
        """Where records of this epoch, or of the last one before it, end; -1 if none is known (KIP-320)."""
        known = [place for place, (one, _) in enumerate(self.epochs) if one <= epoch]
        if not known:
            return -1
        after = known[-1] + 1
        return self.epochs[after][1] if after < len(self.epochs) else self.high

    def compact(self, keep: Callable[[Stored], bool]) -> None:
        """Drop records, as the cleaner does; offsets stay."""
        for one in self.records:
            if not one.control and not keep(one):
                one.compacted = self.clock()
        self.records = [one for one in self.records if one.compacted is None]

    def _place(self, offset: int) -> int:
        first, last = 0, len(self.records)
        while first < last:
            middle = (first + last) // 2
            if self.records[middle].offset < offset:
                first = middle + 1
            else:
                last = middle
        return first


@dataclass
class Topic:
    """A topic; its id is another one each time it is created."""

    id: str
    logs: list[Log]
    config: dict[str, str] = field(default_factory=dict)


@dataclass
class Producer:
    """What the coordinator knows of a transactional id."""

    id: int
    epoch: int = NO_EPOCH
    timeout: float = 60.0
    current: Transaction | None = None


Claim = tuple[int, int]
"""Producer id and epoch."""
LAST_EPOCH = 32_766

GROUP = "the group's own partition"
"""The place of the marker that makes a transaction's group offsets count."""


class Cluster:
    """All of it. `now` is the clock in seconds; what was put off until a time is done by `pass_time`."""

    def __init__(self) -> None:
        self.id = "simulated-cluster"
        self.now = 0.0
        self.topics: dict[str, Topic] = {}
        self.past: list[Topic] = []
        """Topics that were deleted."""
        self.groups: dict[str, dict[tuple[str, int], tuple[int, str]]] = {}
        self.group_history: list[dict[str, dict[tuple[str, int], tuple[int, str]]]] = []
        """The groups as they were before each change."""
        self.producers: dict[str, Producer] = {}
        self.marker_delay: Callable[[], float] = lambda: 0.0
        self.verifies = True
        """Whether brokers ask the coordinator before they write in a transaction, as they do since Kafka 4.0 (KIP-890)."""
        self.stuck: set[str] = set()
        """Transactional ids whose last transaction never comes to its end."""
        self.denied: set[str] = set()
        """Topics and groups that clients may look at only."""
        self.not_of_consumers: set[str] = set()
        """Names of share or streams groups."""
        self.outdated: dict[tuple[str, int], tuple[int, str]] | None = None
        """What groups are still said to have committed, if that is not what they have."""
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0

    # Time

    def pass_time(self, seconds: float) -> None:
        """Go on by so long and do what is due meanwhile, in its order."""
        until = self.now + seconds
        while self._later and min(self._later)[0] <= until:
            due = min(self._later)
            self._later.remove(due)
            self.now = max(self.now, due[0])
            due[2]()
        self.now = until
        for producer in self.producers.values():
            transaction = producer.current
            if transaction and transaction.outcome is None and self.now - transaction.began > producer.timeout:
                self._fence(producer, transaction)

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Do it in so many seconds; at once if that is none."""
        if seconds <= 0:
            act()
            return
        self._count += 1
        self._later.append((self.now + seconds, self._count, act))

    @property
    def milliseconds(self) -> int:
        """The time that records get."""
        return 1_780_000_000_000 + int(self.now * 1000)

    # Topics

    def create(self, name: str, partitions: int) -> Topic:
        """A new topic, in place of one of that name."""
        self._count += 1
        self.past += [self.topics[name]] if name in self.topics else []
        self.topics[name] = Topic(f"{name}-id-{self._count}", [self._log(number) for number in range(partitions)])
        return self.topics[name]

    def _log(self, number: int) -> Log:
        return Log(number, lambda: self.now)

    def add_partition(self, name: str) -> None:
        """One more of them."""
        logs = self.topics[name].logs
        logs.append(self._log(len(logs)))

    def topic(self, name: str, missing: int) -> Topic:
        """The topic, or the error of that number."""
        if name not in self.topics:
            raise Refused(missing)
        return self.topics[name]

    def log(self, topic: str, number: int, missing: int) -> Log:
        """The partition, or the error of that number."""
        logs = self.topic(topic, missing).logs
        if not 0 <= number < len(logs):
            raise Refused(missing)
        return logs[number]

    # Transactions

    def begin_epoch(self, name: str, timeout: float) -> Claim | None:
        """InitProducerId: the new claim to a transactional id, None as long as its last transaction has not ended altogether.

        An epoch that has run out is followed by the first one of a new producer id.
        """
        self._count += 1
        producer = self.producers.setdefault(name, Producer(self._count))
        transaction = producer.current
        if transaction and transaction.outcome is None:
            self._fence(producer, transaction)
        if (transaction and not transaction.is_over) or name in self.stuck:
            return None
        producer.epoch += 1
        if producer.epoch > LAST_EPOCH:
            producer.id, producer.epoch = self._count, 0
        producer.timeout = timeout
        producer.current = None
        return producer.id, producer.epoch

    def _fence(self, producer: Producer, transaction: Transaction) -> None:
        """The coordinator shuts out a producer whose transaction it ends."""
        producer.epoch += 1
        transaction.claim = producer.id, producer.epoch
        self._end(transaction, "aborted")

    def holds(self, name: str, claim: Claim) -> bool:
        """Whether no later producer, nor the coordinator, has taken the place of this one."""
        producer = self.producers.get(name)
        return producer is not None and (producer.id, producer.epoch) == claim

    def transaction(self, name: str) -> Transaction:
        """The open transaction of a producer that is not fenced; it begins with what is first written in it."""
        producer = self.producers[name]
        if producer.current is None or producer.current.outcome is not None:
            producer.current = Transaction(self.now, name, (producer.id, producer.epoch))
        return producer.current

    def write_late(self, log: Log, transaction: Transaction, record: Callable[[Transaction], object]) -> None:
        """A record arrives after its producer has given it up: it is of that transaction, is refused, or hangs in one of its own
        that no coordinator knows (KAFKA-14053).
        """
        claim, producer = transaction.claim, self.producers.get(transaction.name)
        if transaction.outcome is None and producer is not None and producer.current is transaction:
            record(transaction)
        elif not self.verifies and log.claims.get(transaction.name, claim) <= claim:
            record(Transaction(self.now, transaction.name, claim))

    def end_hanging(self) -> None:
        """Abort the transactions that no coordinator knows, as `kafka-transactions.sh abort` does."""
        known = [producer.current for producer in self.producers.values()]
        for log in [log for topic in self.topics.values() for log in topic.logs]:
            for transaction in [one for one in log.open if one.outcome is None and one not in known]:
                transaction.outcome = "aborted"
                log.mark(transaction, self.milliseconds)

    def add_offsets(self, name: str, group: str, offsets: dict[tuple[str, int], tuple[int, str]]) -> None:
        """TxnOffsetCommit: pending until the transaction's marker is in the group's partition."""
        transaction = self.transaction(name)
        transaction.unmarked[GROUP] = None
        transaction.offsets |= {(group, *place): offset for place, offset in offsets.items()}

    def end(self, name: str, outcome: str) -> None:
        """EndTxn: decided now, seen when the markers are written."""
        producer = self.producers[name]
        transaction = producer.current
        if transaction is not None and transaction.outcome is None:
            self._end(transaction, outcome)

    def _end(self, transaction: Transaction, outcome: str) -> None:
        transaction.outcome = outcome
        for place in list(transaction.unmarked):
            self.later(self.marker_delay(), lambda place=place: self._mark(transaction, place))  # type: ignore[misc]

    def _mark(self, transaction: Transaction, place: object) -> None:
        if isinstance(place, Log):
            place.mark(transaction, self.milliseconds)
            return
        transaction.unmarked.pop(GROUP, None)
        if transaction.is_committed(GROUP):
            for (group, topic, number), offset in transaction.offsets.items():
                self.group_history.append({name: dict(offsets) for name, offsets in self.groups.items()})
                self.groups.setdefault(group, {})[topic, number] = offset

    # Groups

    def committed(self, group: str, topic: str, number: int) -> tuple[int, str] | None:
        """What the group is said to have committed for a partition."""
        if self.outdated is not None:
            return self.outdated.get((topic, number))
        return self.groups.get(group, {}).get((topic, number))

    def update_groups(self) -> None:
        """What groups are said to have committed is what they have."""
        self.outdated = None

    def is_pending(self, group: str, topic: str, number: int) -> bool:
        """Whether a transaction that is not over holds an offset of the partition."""
        return any(
            GROUP in one.current.unmarked and (group, topic, number) in one.current.offsets
            for one in self.producers.values()
            if one.current
        )
