"""What decides which averages a pipeline makes, as a value: stored in every plan, compared before every plan.

Two definitions differ where they could make another average of the same message, or put it in another place. What cannot change a
result (limits, alerts, where records are kept) is no part of it. Plain comparison; knows no client, no table and no clock.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spark_jobs.pipeline.aggregate_rules import AggregateRule
from spark_jobs.pipeline.input_settings import TimeSettings
from spark_jobs.pipeline.rule_texts import TIME_SETTINGS, setting_texts
from spark_jobs.pipeline.rules import DeclaredRules, Rules
from spark_jobs.progress.offsets import Plan, Topic

OUTPUT = "output.topic"
THE_DEFAULT, NOT_THERE = "the default", "nothing"

BOUNDS = ("earliest", "latest")
"""Rules that the program fills in where the settings are silent:
`latest` moves with the clock, `earliest` with the program's version.
"""

EARLIEST_AT_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
PLANNING_SECONDS = 3600
"""How long after its rules were made an old plan may have been stored, which does not say what the settings were silent about."""


@dataclass(frozen=True)
class Definition:
    """The rules that messages are read by, and where averages go. `silent` are the bounds that the settings leave to the program.

    A topic that was created again is another one, so its id counts. `output_topic` is None in rows of before its name was stored.
    """

    rules: Rules
    silent: frozenset[str]
    output_topic_id: str
    output_topic: str | None


@dataclass(frozen=True)
class Change:
    """A setting that batches so far did not have: `before` is theirs, `now` the other one."""

    setting: str
    before: str
    now: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.before} so far, {self.now} now"


def silent_bounds(time: TimeSettings) -> frozenset[str]:
    """The bounds of plausible times that these settings leave to the program."""
    return frozenset(name for name in BOUNDS if name not in time.model_fields_set or getattr(time, name) is None)


def defined_by(plan: Plan) -> Definition:
    """What a plan's batch follows."""
    return Definition(plan.rules, plan.silent, plan.output_topic_id, plan.output_topic)


def defined_now(rules: Rules, silent: frozenset[str], output: Topic) -> Definition:
    """What a batch would follow that was planned now."""
    return Definition(rules, silent, output.id, output.name)


def silent_of_old(rules: Rules, stored_at: datetime) -> frozenset[str]:
    """What the settings were silent about when a plan was made that does not say it, as far as its own values tell."""
    ahead = stored_at + timedelta(days=1) - rules.latest
    at_default = {"earliest": rules.earliest == EARLIEST_AT_FIRST, "latest": 0 <= ahead.total_seconds() <= PLANNING_SECONDS}
    return frozenset(name for name in BOUNDS if at_default[name])


def changes(before: Definition, now: Definition) -> tuple[Change, ...]:
    """Every difference between two definitions, by the names of the settings."""
    return (*_changed_rules(before, now), *_changed_output(before, now))


def _changed_rules(before: Definition, now: Definition) -> Iterator[Change]:
    """An aggregate that is new, or gone, changes none that there was before."""
    texts = [setting_texts(one.rules) for one in (before, now)]
    kept = _aggregates(before) & _aggregates(now)
    both_silent = {TIME_SETTINGS[name] for name in before.silent & now.silent}
    for setting in dict.fromkeys([*texts[0], *texts[1]]):
        values = [found.get(setting, NOT_THERE) for found in texts]
        if values[0] != values[1] and setting not in both_silent and aggregate_of(setting) in (None, *kept):
            yield Change(setting, *(_shown(one, setting, value) for one, value in zip((before, now), values, strict=True)))


def _shown(definition: Definition, setting: str, value: str) -> str:
    return THE_DEFAULT if setting in (TIME_SETTINGS[name] for name in definition.silent) else value


def _aggregates(definition: Definition) -> set[str | None]:
    return {aggregate_of(one) for one in setting_texts(definition.rules)} - {None}


def aggregate_of(setting: str) -> str | None:
    """The declared aggregate that a setting is of.

    >>> aggregate_of("aggregates.hourly.window"), aggregate_of("input.where")
    ('hourly', None)
    """
    section, _, rest = setting.partition(".")
    return rest.partition(".")[0] if section == "aggregates" else None


def _changed_output(before: Definition, now: Definition) -> Iterator[Change]:
    if before.output_topic_id != now.output_topic_id:
        anew = " and created again" if before.output_topic == now.output_topic else ""
        yield Change(OUTPUT, _topic(before), _topic(now) + anew)


def _topic(definition: Definition) -> str:
    if not definition.output_topic_id:
        return NOT_THERE
    return f"{definition.output_topic or 'a topic'} with the topic id {definition.output_topic_id}"


def fixed_changes(before: Definition, now: Definition) -> tuple[str, ...]:
    """Settings of these that no decision can change, because tables have the columns of what they were: other kinds of pipelines,
    an aggregate that has counted, a field's type.
    """
    one, other = before.rules, now.rules
    if not (isinstance(one, DeclaredRules) and isinstance(other, DeclaredRules)):
        return () if type(one) is type(other) else ("aggregates",)
    declared = {rule.name: rule for rule in other.aggregates}
    of_aggregates = [
        f"aggregates.{rule.name}" for rule in one.aggregates if not _same_tables(rule, declared.get(rule.name, rule))
    ]
    types = other.records.types
    return *of_aggregates, *(
        f"input.{place}" for place, kind in one.records.places.items() if types.get(place.split(".")[1]) != kind
    )


def _same_tables(one: AggregateRule, other: AggregateRule) -> bool:
    return one == other.model_copy(update={"is_published": one.is_published})


def changes_output(found: Iterable[Change]) -> bool:
    """Whether averages go to another topic than before, which holds none of those so far."""
    return any(one.setting == OUTPUT for one in found)
