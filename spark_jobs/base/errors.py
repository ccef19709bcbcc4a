"""The error tree: what went wrong, with which values, and what to do next.

Every error that a user can meet is one of these. The class says which exit code the process ends with; only `TryAgain` is
worth a retry. Messages are one sentence or a few, and never hold a secret or a stack trace.
"""

from collections.abc import Iterable
from typing import ClassVar

from spark_jobs.base.wording import counted

UNEXPECTED = 70
"""Exit code of what is none of these: a defect of ours, which ends in its stack trace."""


class DayfoldError(Exception):
    """Base of all errors that end a run; `str(error)` is what the operator reads."""

    exit_code: ClassVar[int]


class UsageError(DayfoldError):
    """The command line is wrong."""

    exit_code = 64


class DecisionNeeded(DayfoldError):
    """The data needs an operator's explicit word; a retry changes nothing. `settled_by` are the options of a run that give it."""

    exit_code = 65

    def __init__(self, message: str, settled_by: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.settled_by = settled_by


def go_on(*options: str) -> str:
    """How an operator gives these options, by hand and in Airflow.

    >>> go_on("accept_loss")
    'Run again with --accept-loss (in Airflow: trigger the DAG with the parameter accept_loss)'
    """
    flags = " ".join(f"--{option.replace('_', '-')}" for option in options)
    # A task that is tried again would abandon the batch that its first try planned.
    airflow = (
        "only by hand" if "abandon" in options else f"in Airflow: trigger the DAG with the parameter {' and '.join(options)}"
    )
    return f"Run again with {flags} ({airflow})"


class TryAgain(DayfoldError):
    """Something that passes by itself: a busy lock, a broker that does not answer, an unclear commit."""

    exit_code = 75


class TransactionOpen(TryAgain):
    """Offsets that are part of a transaction are not known before it ends."""


class Superseded(DayfoldError):
    """A newer run took over; this one must not write any more."""

    exit_code = 76


class ConfigurationError(DayfoldError):
    """Settings, credentials, permissions or topics are not as the pipeline needs them."""

    exit_code = 78


class TopicMissing(ConfigurationError):
    """There is no such topic; `what` says so without a way on."""

    def __init__(self, message: str, what: str) -> None:
        super().__init__(message)
        self.what = what


class NotPermitted(ConfigurationError):
    """The principal lacks a permission; what it would have allowed may be done without."""


class PipelineBusy(TryAgain):
    """Another run of the pipeline holds the lock."""

    def __init__(self, pipeline: str, owner: str) -> None:
        super().__init__(f"{pipeline} is being run by {owner}; wait for it to finish, then run again")


class BrokerUnreachable(TryAgain):
    """No broker of the list answered in time."""

    def __init__(self, servers: str, seconds: float, cause: str) -> None:
        super().__init__(f"no Kafka broker answered at {servers} within {seconds:.0f} s ({cause}); is it running and reachable?")


class OffsetsLost(DecisionNeeded):
    """Records that were never read are gone; `sentences` say which."""

    def __init__(self, topic: str, sentences: tuple[str, ...], settled_by: tuple[str, ...] = ("accept_loss",)) -> None:
        way_on = f"{go_on(*settled_by)} to record the loss and go on from there; other partitions are not touched by it."
        super().__init__("\n".join([f"{topic}: records were lost before they could be read", *sentences, way_on]), settled_by)


class TopicRecreated(DecisionNeeded):
    """The topic's id is not the one whose offsets are stored."""

    def __init__(self, topic: str, stored_id: str, found_id: str) -> None:
        super().__init__(
            f"{topic} was deleted and created again (topic id {stored_id} is now {found_id}), so the stored offsets mean "
            f"nothing any more. {go_on('adopt_topic')} to read the new topic from its beginning.",
            ("adopt_topic",),
        )


class AnotherTopic(DecisionNeeded):
    """The settings name another input topic than the one whose offsets are stored."""

    def __init__(self, topic: str, stored: str) -> None:
        super().__init__(
            f"input.topic is {topic}, but the stored offsets are of {stored}, which was read so far. Put the setting back; "
            f"or give the pipeline another name and another output topic. {go_on('adopt_topic')} to go on with {topic}, from "
            "its beginning, in the same tables.",
            ("adopt_topic",),
        )


class DefinitionChanged(DecisionNeeded):
    """The settings would make other averages of the same messages, or put them elsewhere, than the batches so far.

    `unfinished` is a batch that is finished by its own rules first; `moved` is the new output topic, if that is what changed.
    """

    def __init__(
        self, pipeline: str, changes: tuple[str, ...], *, unfinished: int | None = None, moved: str | None = None
    ) -> None:
        lines = [f"{pipeline}: the settings are not those that the batches so far follow, and both would be mixed", *changes]
        lines.append(
            "Put the settings back; or give the changed pipeline another name and another output topic, and it reads "
            "everything by the new settings. If new batches shall follow the new settings beside the old ones: "
            f"{go_on('adopt_definition')} to record that."
        )
        if moved:
            lines.append(f"After that, `dayfold republish` fills {moved} with the averages so far.")
        if unfinished is not None:
            lines.append(
                f"Batch {unfinished} is unfinished and will be finished by its own settings first. If it was not averaged "
                "yet, a run by hand with --abandon gives it up, and it is planned by the new ones."
            )
        super().__init__("\n".join(lines), ("adopt_definition",))


class DefinitionFixed(DecisionNeeded):
    """The settings change what tables have columns of: `fixed` are those of the changes that no decision can make."""

    def __init__(self, pipeline: str, changes: tuple[str, ...], fixed: tuple[str, ...]) -> None:
        ways = {
            "aggregates.": "An aggregate stays as it is once a batch has counted in it. Give the changed one another name: it "
            "begins with the next batch, and `dayfold rebuild` fills it from the stored records.",
            "input.": "A field keeps its type. Declare another one of another name beside it.",
            "aggregates": "Give the changed pipeline another name and another output topic.",
        }
        told = [
            way for start, way in ways.items() if any(one == start or (one.startswith(start) and "." in start) for one in fixed)
        ]
        lines = [f"{pipeline}: the settings are not those that the batches so far follow", *changes]
        super().__init__("\n".join([*lines, f"{', '.join(fixed)} cannot change. Put the settings back; or: {' '.join(told)}"]))


class TooManyRejected(DecisionNeeded):
    """More of a batch was rejected than `limits.max_rejected_fraction` allows; nothing was averaged or published."""

    def __init__(self, batch: int, rejected: int, read: int, allowed: float, reasons: tuple[str, ...]) -> None:
        super().__init__(
            "\n".join(
                [
                    f"batch {batch}: {rejected} of {counted(read, 'record')} {'was' if rejected == 1 else 'were'} rejected "
                    f"({rejected / read:.2%}, allowed {allowed:.2%})",
                    *reasons,
                    "Nothing was averaged. Look at them (dayfold rejected CONFIG), then either accept them for this batch "
                    "(--set limits.max_rejected_fraction=1), or correct the settings and run once with --abandon; after "
                    "earlier batches by other settings also with --adopt-definition.",
                ]
            )
        )


class TableDamaged(DecisionNeeded):
    """A table does not hold what the checkpoints say it holds."""

    def __init__(self, table: str, what: str, way_on: str) -> None:
        super().__init__(f"table {table}: {what}. {way_on}")


def require_none(problems: Iterable[DayfoldError]) -> None:
    """Raise all of them as one, so that an operator hears of each at once; one that asks for a decision decides the exit code."""
    found = list(problems)
    if len(found) == 1:
        raise found[0]
    if found:
        kind = DecisionNeeded if any(isinstance(one, DecisionNeeded) for one in found) else ConfigurationError
        raise kind("\n".join(map(str, found)))
