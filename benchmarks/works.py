"""The works: what is on the topic, in which pieces it comes, and who takes part."""

from dataclasses import dataclass, replace

from benchmarks.ads import AdShape
from benchmarks.loads import INCREMENT_DAYS, MOST_COPIES, Shape

PLAIN = Shape()
INCREMENT = INCREMENT_DAYS * 1440
"""A reading a minute."""

ALL = (
    "ours",
    "ours_averages",
    "ours_by_hand",
    "streaming_averages",
    "streaming_averages_tuned",
    "streaming_everything",
    "streaming_everything_tuned",
    "tutorial",
    "polars",
    "flink",
    "java_reading",
    "librdkafka_reading",
    "spark_reading",
)

OF_ADS = ("ours_ads", "streaming_ads", "streaming_ads_everything", "polars_ads", "flink_ads")


@dataclass(frozen=True)
class Work:
    """One work. Without `increments` everything is read at once, by contestants that start with nothing, as often as asked.

    With them (0: as many as repeats are asked for) everyone first reads the history, which is not timed; then an increment is
    sent and everyone reads it, and so on: each keeps what it has. `idle`: after each increment everyone is run again, with
    nothing new. `maintained`: after half of them `dayfold maintain` is run, and ours goes on under another name; there are twice
    as many increments then. `records`: at most so many, before the increments. `batch`: the history is read in batches of so
    many, in one process. `cores`: contestants get so many only.
    """

    name: str
    title: str
    contestants: tuple[str, ...]
    shape: Shape | AdShape = PLAIN
    records: int | None = None
    increments: int | None = None
    batch: int | None = None
    idle: bool = False
    maintained: bool = False
    cores: int | None = None


WORKS = {
    one.name: one
    for one in (
        Work("small", "5,760 records on top of two million; then nothing new", ALL, increments=0, idle=True),
        Work("two_million", "two million records on 4 partitions, from nothing", ALL),
        Work(
            "twenty_million",
            "twenty million records on 4 partitions, driver heap 1 GiB",
            (
                *("ours", "ours_averages", "streaming_averages", "streaming_everything", "polars", "flink"),
                *("java_reading", "librdkafka_reading", "spark_reading"),
            ),
            Shape(copies=MOST_COPIES),
            records=20_000_000,
        ),
        Work("partitions_1", "two million records on 1 partition", ("ours", "streaming_averages"), Shape(partitions=1)),
        Work("partitions_64", "two million records on 64 partitions", ("ours", "streaming_averages"), Shape(partitions=64)),
        Work("partitions_512", "two million records on 512 partitions", ("ours", "streaming_averages"), Shape(partitions=512)),
        Work("one_core", "two million records, contestants on one core", ("ours", "streaming_averages", "polars"), cores=1),
        Work(
            "one_core_twenty_million",
            "twenty million records, contestants on one core",
            ("ours", "polars"),
            Shape(copies=MOST_COPIES),
            records=20_000_000,
            cores=1,
        ),
        Work(
            "skew",
            "two million records, nine of ten on one of 4 partitions",
            ("ours", "streaming_averages", "polars"),
            Shape(skewed=True),
        ),
        Work(
            "many_days",
            "two million records of 14,420 days",
            ("ours", "streaming_averages", "polars"),
            Shape(copies=MOST_COPIES, every=10),
        ),
        Work(
            "wide",
            "500,000 records of 2 KB",
            ("ours", "streaming_averages", "polars"),
            Shape(message_bytes=2048),
            records=500_000,
        ),
        Work(
            "hundred",
            "100 increments of 5,760 records in a row, from nothing",
            ("ours", "streaming_averages_tuned", "tutorial", "polars"),
            records=0,
            increments=100,
        ),
        Work(
            "run_1000",
            "run 1,000 and the next ones, 5,760 records each",
            ("ours",),
            Shape(copies=3),
            records=999 * INCREMENT,
            increments=0,
            batch=INCREMENT,
            maintained=True,
        ),
        Work(
            "run_10",
            "run 10 and the next ones, 5,760 records each",
            ("ours",),
            records=9 * INCREMENT,
            increments=0,
            batch=INCREMENT,
        ),
        Work("ads", "two million events, totals of hours and days with different users, from nothing", OF_ADS, AdShape()),
        Work(
            "ads_run_1000",
            "run 1,000 of two aggregates and the next ones, 5,760 events of an hour each",
            ("ours_ads",),
            AdShape(hours=999, per_hour=INCREMENT),
            increments=0,
            batch=INCREMENT,
        ),
        Work(
            "ads_run_10",
            "run 10 of two aggregates and the next ones, 5,760 events of an hour each",
            ("ours_ads",),
            AdShape(hours=9, per_hour=INCREMENT),
            increments=0,
            batch=INCREMENT,
        ),
        Work(
            "ads_people",
            "200,000 events of 100,000 people, each of them a group",
            ("ours_people",),
            AdShape(hours=1, per_hour=200_000, users=100_000, by_user=True),
            batch=200_000,
        ),
    )
}

SETS = {
    "goals": ("small", "two_million", "partitions_512", "twenty_million"),
    "cores": ("one_core", "one_core_twenty_million"),
    "rest": ("partitions_1", "partitions_64", "skew", "many_days", "wide", "hundred"),
    "thousand": ("run_1000", "run_10"),
    "declared_thousand": ("ads_run_1000", "ads_run_10"),
    "declared": ("ads", "ads_people"),
}
"""Several works by one name."""


def chosen_works(names: list[str]) -> list[Work]:
    """The works of these names, which may be of sets; `KeyError` with the first that is none."""
    return [WORKS[one] for name in names for one in SETS.get(name, (name,))]


def tiny(work: Work) -> Work:
    """The same with so little of everything that only its correctness can be looked at."""
    increments = None if work.increments is None else min(work.increments, 2)
    if isinstance(work.shape, AdShape):
        hours, users = min(work.shape.hours, 30), min(work.shape.users, 500)
        events = replace(work.shape, hours=hours, per_hour=7_000 // hours, users=users)
        return replace(work, shape=events, increments=increments, batch=work.batch and 2_000)
    shape = replace(work.shape, copies=1, partitions=min(work.shape.partitions, 8))
    records = min(7_000, 7_000 if work.records is None else work.records)
    return replace(work, shape=shape, records=records, increments=increments, batch=work.batch and 2_000)
