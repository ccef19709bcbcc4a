"""Reconciling what Kafka holds with the tables: the output topic's records and the consumer group.

Every visible record that carries the pipeline's header must be a revision that contributions add up to, once, on its partition,
and each revision must be there as far back as the topic still proves anything. Knows no table; what contributions add up to is
given.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from spark_jobs.aggregates.aggregate import Aggregate, Group
from spark_jobs.aggregates.messages import place_of
from spark_jobs.audit.findings import Difference, difference
from spark_jobs.audit.output import OutputState
from spark_jobs.audit.tables import Known
from spark_jobs.audit.totals import Published, Revision
from spark_jobs.broker.publisher import proven_batch

DOUBLED = "Its readers see it twice: they should keep the highest revision of a key; find out who else writes to this topic."
STRANGE = "Warn the topic's readers, and find out who else writes to it; only this pipeline may."
DAY_LENGTH = len("2006-12-16")
"""Of the keys of daily averages; those of declared aggregates are JSON objects."""
MISSING = (
    "Restore the topic if it was emptied or created again; the values are in daily_averages, and each day is published again "
    "with its next late record."
)
GROUP = (
    "A run does not need it between batches; stop whoever commits offsets with this group's name, and audit again after "
    "the next run."
)

PublishedKey = tuple[int, bytes, int]
"""Partition, key of the message, batch."""


@dataclass(frozen=True)
class WantedTotals:
    """What contributions say of these `aggregates`: each revision, and which of them must have been published; partitions in
    `skipped` are not judged, their contributions are wrong.
    """

    known: Known
    aggregates: frozenset[str]
    revisions: Mapping[PublishedKey, Revision]
    skipped: frozenset[int]

    @cached_property
    def published(self) -> Mapping[PublishedKey, Revision]:
        """Those that their batches have published."""
        publishes = self.known.ledger.publishes
        return {key: one for key, one in self.revisions.items() if publishes(one.batch, one.aggregate.name)}

    def sets_aside(self, one: Published) -> bool:
        """Whether it is of an aggregate whose tables are gone, and that its batch did publish."""
        return one.aggregate not in self.aggregates and self.known.ledger.publishes(one.batch, one.aggregate)


def wanted_of(
    aggregate: Aggregate, revisions: Mapping[Group, list[Revision]], partitions: Callable[[int], int]
) -> dict[PublishedKey, Revision]:
    """Every revision of every group, by what distinguishes it on the topic, which has so many partitions for a batch."""
    every = (one for history in revisions.values() for one in history)
    return {(*place_of(aggregate, one.columns, partitions(one.batch)), one.batch): one for one in every}


def check_output(output: OutputState, wanted: WantedTotals) -> Iterator[Difference]:
    """I4 and I6: each visible record is wanted where it is, once and in order, and none is missing that could be seen."""
    for what in output.unreadable:
        yield difference(output.place, what, STRANGE)
    seen: dict[PublishedKey, Published] = {}
    newest: dict[int, int] = {}
    for one in output.records:
        key = (one.partition, one.key, one.batch)
        found = _judge(output.place, one, wanted, seen.get(key), newest.get(one.partition, 0))
        if found:
            yield found
        else:
            newest[one.partition] = one.batch
        if key in wanted.published:
            seen.setdefault(key, one)
    yield from _check_republished(output, wanted)
    missing = [key for key in _must_be_seen(output, wanted, seen) if key not in seen]
    for number, of, batch in sorted(missing, key=str):
        what = f"the average of {of.decode()}" if len(of) == DAY_LENGTH else f"the total {of.decode()}"
        sentence = f"{what} of batch {batch} is missing on partition {number}"
        yield difference(output.place, sentence, MISSING, number)


def _check_republished(output: OutputState, wanted: WantedTotals) -> Iterator[Difference]:
    """What was published once more is a revision that contributions add up to, and the checkpoints know of it;
    its order proves nothing.
    """
    places = _every_place(output, wanted) if output.republished else {}
    for one, when in output.republished:
        here = places.get((one.partition, one.key, one.batch))
        sentence = f"partition {one.partition}, offset {one.offset}: {one.named} of batch {one.batch}, published again at {when},"
        if one.partition in wanted.skipped or not wanted.known.settled(one.batch) or wanted.sets_aside(one):
            continue
        if here is None or not one.says(here):
            what = "is not in contributions" if here is None else _values(one, here)
            yield difference(output.place, f"{sentence} {what}", STRANGE, one.partition)
        elif when not in wanted.known.ledger.republished:
            yield difference(output.place, f"{sentence} is in no row of the checkpoints", STRANGE, one.partition)


def _every_place(output: OutputState, wanted: WantedTotals) -> Mapping[PublishedKey, Revision]:
    """Each revision wherever it may stand once more: where its batch has put it, and where its group belongs with any number of
    partitions that the topic has had since.
    """
    found, now = dict(wanted.revisions), len(output.topic.partitions)
    for (_, key, batch), one in wanted.revisions.items():
        then = len(wanted.known.ledger.batches[batch].output_starts) if batch in wanted.known.ledger.batches else now
        for partitions in range(min(then, now), max(then, now) + 1) if then != now else ():
            found.setdefault((place_of(one.aggregate, one.columns, partitions)[0], key, batch), one)
    return found


def _judge(place: str, one: Published, wanted: WantedTotals, before: Published | None, newest: int) -> Difference | None:
    """What is wrong with a visible record, if anything."""
    here = wanted.published.get((one.partition, one.key, one.batch))
    sentence = f"partition {one.partition}, offset {one.offset}: {one.named} of batch {one.batch}"
    if here is None or not one.says(here):
        home = _home(one, wanted)
        if home is not None:
            return difference(place, f"{sentence} belongs on partition {home}", STRANGE, one.partition)
    if before is not None:
        return difference(place, f"{sentence} stands there already, at offset {before.offset}", DOUBLED, one.partition)
    if one.partition in wanted.skipped:
        return None
    why = wanted.known.stranger(one.batch)
    if why:
        return difference(place, f"{sentence}, {why}", STRANGE, one.partition)
    if here is None:
        if not wanted.known.settled(one.batch) or wanted.sets_aside(one):
            return None
        is_silent = (one.partition, one.key, one.batch) in wanted.revisions
        what = f"is of {one.aggregate}, which the batch did not publish" if is_silent else "is not in contributions"
        return difference(place, f"{sentence} {what}", STRANGE, one.partition)
    if not one.says(here):
        return difference(place, f"{sentence} {_values(one, here)}", STRANGE, one.partition)
    if one.batch < newest:
        return difference(place, f"{sentence} stands after records of batch {newest}", STRANGE, one.partition)
    return None


def _home(one: Published, wanted: WantedTotals) -> int | None:
    """Another partition that wants exactly this record, if there is one."""
    others = {
        number for number, key, batch in wanted.published if (key, batch) == (one.key, one.batch) and number != one.partition
    }
    return next((number for number in sorted(others) if one.says(wanted.published[number, one.key, one.batch])), None)


def _values(one: Published, here: Revision) -> str:
    return (
        f"says {one.shown} (revision {one.revision}, count {one.count}), "
        f"by contributions it is {here.shown} (revision {here.revision}, count {here.count})"
    )


def _must_be_seen(output: OutputState, wanted: WantedTotals, seen: Mapping[PublishedKey, Published]) -> Iterator[PublishedKey]:
    """Revisions of finished batches that the topic still holds for certain: published after its first offset of now."""
    first = {number: min((key[2], key[1]) for key in seen if key[0] == number) for number in {key[0] for key in seen}}
    for key in required(output, wanted):
        number, place, batch = key
        if _surely_held(output, wanted, number, batch) or (number in first and _comes_later((batch, place), first[number])):
            yield key


def _comes_later(one: tuple[int, bytes], first: tuple[int, bytes]) -> bool:
    """Whether it was published after the first that is still there. Days of one batch are published in their order."""
    in_order = len(one[1]) == len(first[1]) == DAY_LENGTH
    return one > first if in_order else one[0] > first[0]


def required(output: OutputState, wanted: WantedTotals) -> Iterator[PublishedKey]:
    """Revisions that were published here; where the topic is compacted, or may be, only the newest of each day."""
    elsewhere = {batch for _, _, batch in wanted.published if wanted.known.ledger.went_elsewhere(batch, output.topic.id)}
    newest: dict[tuple[int, bytes], int] = {}
    for number, key, batch in wanted.published:
        if wanted.known.settled(batch) and number not in wanted.skipped and batch not in elsewhere:
            newest[number, key] = max(batch, newest.get((number, key), 0))
    for number, key, batch in wanted.published:
        if (
            (number, key) in newest
            and wanted.known.settled(batch)
            and batch not in elsewhere
            and (output.compacted is False or batch == newest[number, key])
        ):
            yield number, key, batch


def _surely_held(output: OutputState, wanted: WantedTotals, number: int, batch: int) -> bool:
    """Whether the topic still begins before the place where it ended when the batch was planned."""
    low = next((one.low for one in output.topic.partitions if one.number == number), 0)
    return low <= wanted.known.ledger.batches[batch].output_starts.get(number, 0)


def beyond_proof(output: OutputState, wanted: WantedTotals) -> int:
    """Averages that were published so long ago that the topic does not hold them any more, for all that it shows."""
    seen = {(one.partition, one.key, one.batch) for one in output.records}
    held = set(_must_be_seen(output, wanted, {(one.partition, one.key, one.batch): one for one in output.records}))
    return sum(1 for key in required(output, wanted) if key not in seen and key not in held)


def check_group(known: Known, group: str, committed: Mapping[int, tuple[int, str]]) -> Iterator[Difference]:
    """I5: the group is where the last finished batch ended, or where one that is not finished yet has moved it, with its proof.

    A group without any offset has expired or was deleted; that is no difference.
    """
    for number, end in sorted(known.ledger.group.items()) if committed else []:
        if number not in committed:
            yield difference(f"group {group}", f"has no offset of partition {number}, but of others", GROUP, number)
            continue
        offset, metadata = committed[number]
        batch = proven_batch(metadata) or 0
        if batch > known.ledger.last_done and known.stranger(batch):
            yield difference(
                "table checkpoints", f"the group {group} proves batch {batch}, {known.stranger(batch)}", partition=number
            )
        elif (offset, batch) != (end, known.ledger.last_done) and not _moved_by_open(known, batch, number, offset):
            sentence = f"is at offset {offset} of partition {number} ({metadata or 'no metadata'}), "
            sentence += f"batch {known.ledger.last_done} left it at {end} (b={known.ledger.last_done})"
            yield difference(f"group {group}", sentence, GROUP, number)


def _moved_by_open(known: Known, batch: int, number: int, offset: int) -> bool:
    """Whether the transaction of a batch that is not DONE yet has put the group there."""
    plan = known.ledger.batches.get(batch)
    if plan is None:
        return batch in known.newer
    return plan.end in ("OPEN", "UNTOLD") and number in plan.ranges and plan.ranges[number].end == offset
