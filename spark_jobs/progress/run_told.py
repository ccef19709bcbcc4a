"""What a run says of itself: at its start what it goes on with, at its end what it amounts to.
Rows of the checkpoints in, sentences out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from spark_jobs.base.frequencies import most_frequent_first
from spark_jobs.base.wording import counted, printable
from spark_jobs.progress.history import planned_by
from spark_jobs.progress.ledger import Done, Planned
from spark_jobs.progress.offsets import total_span


def resumed_text(planned: Planned) -> str:
    """Which batch is gone on with, planned when and by whom."""
    return f"batch {planned.batch} ({counted(total_span(planned.ranges), 'offset')}), {printable(planned_by(planned))}"


def last_line(done: Sequence[Done], resumed: Planned | None) -> str:
    """What all batches of a run amount to."""
    if not done:
        return "nothing new"
    parts = [f"finished {counted(len(done), 'batch')}, up to batch {done[-1].batch}: {sums_text(done)}"]
    if resumed is not None and resumed.batch == done[0].batch:
        parts.append(f"resumed {resumed_text(resumed)}")
    return "; ".join(parts)


def sums_text(done: Sequence[Done]) -> str:
    """What finished batches read and published, and why they rejected what they rejected."""
    counts = [one for row in done for one in row.counts]
    rejected = sum(one.rejected for one in counts)
    why = reasons_text(reasons_of(done), rejected)
    filtered = sum(one.filtered for one in counts)
    published, what = sum(row.published or 0 for row in done), "total" if any(row.groups for row in done) else "average"
    rebuilt = "".join(f"rebuilt {row.rebuild}, " for row in done if row.rebuild)
    return (
        f"{rebuilt}{counted(sum(one.read for one in counts), 'record')} read, {rejected:,} rejected{f' ({why})' if why else ''}, "
        f"{f'{filtered:,} filtered, ' if filtered else ''}{counted(sum(one.gaps for one in counts), 'gap')}, "
        f"{sum(row.rounded for row in done):,} rounded, {counted(published, what)} published"
    )


def reasons_of(done: Sequence[Done]) -> dict[str, int]:
    """How many messages these batches rejected for which reason, the most frequent first."""
    found: Counter[str] = Counter()
    for row in done:
        found.update(row.rejected or {})
    return most_frequent_first(found)


def reasons_text(reasons: Mapping[str, int], rejected: int) -> str:
    """
    >>> reasons_text({"BAD_TIME": 1200, "NO_VALUE": 1}, 1204), reasons_text({}, 3), reasons_text({}, 0)
    ('BAD_TIME 1,200, NO_VALUE 1, others 3', '', '')
    """
    # Batches of before reasons were counted have only their number.
    others = rejected - sum(reasons.values())
    parts = [f"{reason} {count:,}" for reason, count in reasons.items()]
    return ", ".join([*parts, *([f"others {others:,}"] if parts and others else [])])


def rejected_warning(done: Sequence[Done]) -> str | None:
    """A sentence for an operator if anything was rejected: below the limit a run is green all the same."""
    counts = [one for row in done for one in row.counts]
    read, rejected = sum(one.read for one in counts), sum(one.rejected for one in counts)
    if not rejected:
        return None
    why = reasons_text(reasons_of(done), rejected)
    were = "was" if rejected == 1 else "were"
    return (
        f"{rejected:,} of {counted(read, 'record')} {were} rejected{f': {why}' if why else ''}; dayfold rejected CONFIG "
        "shows each"
    )
