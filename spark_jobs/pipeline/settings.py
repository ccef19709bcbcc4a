"""Settings of one pipeline: frozen, validated once, read from a YAML file, the environment and `--set`.

Later sources win: file, then `DAYFOLD__KEY__PATH=value` in the environment, then `--set key.path=value`. Every value is a text
until its setting says what it is, so nothing is guessed from how it looks. Relative paths start at the project folder, which is
the folder above `conf/` (for a file elsewhere: the file's own folder). Secrets are in the Kafka properties file, never here.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.location import parse_location
from spark_jobs.base.small_files import home_expanded, read_small_text
from spark_jobs.pipeline.aggregate_rules import aggregate_rules, conditions
from spark_jobs.pipeline.declared import MOST_AGGREGATES, AggregateSettings, ColumnName, FieldSettings, require_consistent
from spark_jobs.pipeline.input_settings import InputSettings, ValueSettings
from spark_jobs.pipeline.overrides import from_command_line, from_environment, inner, put, section_of
from spark_jobs.pipeline.record_rules import RecordRules, record_rules
from spark_jobs.pipeline.rules import DeclaredRules, ParsingRules, Rules, TimeRules
from spark_jobs.pipeline.section import Section
from spark_jobs.pipeline.setting_types import ConnectionId, LocalPath, MailAddress, Name, TableRoot, TopicName
from spark_jobs.pipeline.strict_yaml import Value, YamlProblem, parse_yaml
from spark_jobs.pipeline.time_formats import default_earliest, time_formats

LARGEST_FILE, LONGEST_SHOWN = 100_000, 100

MIN_VACUUM_HOURS = 168
"""Delta's own default, a week. A file that is younger may still be read by somebody, or be about to be committed."""


class OutputSettings(Section):
    """The topic that changed totals are published to; it needs as many partitions as the input."""

    topic: TopicName
    aggregates: tuple[ColumnName, ...] | None = Field(None, description="which are published; none: all")


class Limits(Section):
    """What one batch may hold, and when to warn."""

    max_records_per_batch: int = Field(20_000_000, gt=0)
    max_rejected_fraction: float = Field(0.01, ge=0, le=1)
    max_verify_tasks: int = Field(20, ge=1, le=1000, description="of a DAG run; more partitions are verified in groups")
    warn_retention_hours: float = Field(24, ge=0, description="warn when unread records expire within so many hours")


class MaintenanceSettings(Section):
    """What maintenance may remove."""

    keep_records_days: int | None = Field(
        None, ge=1, le=36_500, description="none: records are kept for ever; averages always are"
    )
    vacuum_after_hours: int = Field(
        MIN_VACUUM_HOURS, ge=MIN_VACUUM_HOURS, description="age of files that no table needs any more"
    )


class AlertSettings(Section):
    """Who gets a message from Airflow when a run has failed; by default nobody."""

    mail_to: tuple[MailAddress, ...] = ()
    mail_connection: ConnectionId = "smtp_default"
    webhook_connection: ConnectionId | None = Field(None, description="messages are posted to its address")


class AirflowSettings(Section):
    """What starts a run beside the daily schedule."""

    messages_connection: ConnectionId | None = Field(
        None, description="Airflow's connection to Kafka by which messages start a run; none: they do not"
    )


class Pipeline(Section):
    """All settings of one pipeline; its name is also the lock, the transactional id, the consumer group and the DAG id."""

    name: Name
    kafka: LocalPath
    lake: TableRoot
    state: LocalPath = Path("data/state")
    input: InputSettings
    aggregates: dict[ColumnName, AggregateSettings] = Field({}, max_length=MOST_AGGREGATES)
    output: OutputSettings | None = Field(None, description="none: totals are in their tables alone")
    records: bool = Field(
        True, description="off: the table records gets only what is rejected, and batches are averaged from Kafka"
    )
    limits: Limits = Limits()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    alerts: AlertSettings = AlertSettings()
    airflow: AirflowSettings = AirflowSettings()

    @model_validator(mode="after")
    def _two_topics(self) -> Self:
        if self.output is None:
            if self.input.value is not None:
                raise ValueError("output is missing; it names the topic that the averages are published to")
            return self
        if self.input.topic == self.output.topic:
            raise ValueError(f"input and output cannot be the same topic {self.input.topic!r}")
        unknown = [one for one in self.output.aggregates or () if one not in self.aggregates]
        if unknown:
            raise ValueError(f"output.aggregates: there is no aggregate {unknown[0]}; declared are {', '.join(self.aggregates)}")
        return self

    @property
    def output_topics(self) -> tuple[str, ...]:
        """The output topic, if there is one."""
        return (self.output.topic,) if self.output else ()

    @property
    def output_name(self) -> str:
        """The output topic; `ConfigurationError` if there is none."""
        if self.output is None:
            raise ConfigurationError(f"{self.name} has no output topic: its totals are in their tables alone")
        return self.output.topic

    @property
    def published(self) -> tuple[str, ...]:
        """The declared aggregates that are published."""
        if self.output is None:
            return ()
        return tuple(self.aggregates) if self.output.aggregates is None else self.output.aggregates

    @property
    def lock(self) -> Path:
        """Lock file of the pipeline's runs on this machine."""
        return self.state / f"{self.name}.lock"

    @model_validator(mode="after")
    def _aggregates_of_fields(self) -> Self:
        """What is declared goes together, to the last expression."""
        if self.input.fields is None:
            if self.aggregates:
                raise ValueError("aggregates are declared of input.fields, and this file has input.value instead")
            return self
        if not self.aggregates:
            raise ValueError("aggregates is missing; with input.fields the file says what is summed up of them")
        if not self.records:
            raise ValueError("records: off goes with input.value alone; declared aggregates are made of the table records")
        require_consistent(self.input.fields, self.input.derived, self.aggregates)
        self._record_rules(self.input.fields)
        return self

    def _record_rules(self, fields: Mapping[str, FieldSettings]) -> RecordRules:
        declared = self.input
        return record_rules(fields, declared.derived, declared.where, declared.time.timezone, conditions(self.aggregates))

    @property
    def value(self) -> ValueSettings:
        """The one value of a pipeline whose aggregates are not declared; `TypeError` of others."""
        if self.input.value is None:
            raise TypeError(f"{self.name} declares its aggregates")
        return self.input.value

    def rules(self, now: datetime) -> Rules:
        """The rules a batch planned at `now` is read and summed up by; stored in its plan, so that a rerun does alike."""
        if self.input.fields is None:
            return self.parsing_rules(now)
        records = self._record_rules(self.input.fields)
        aggregates = aggregate_rules(self.aggregates, records, self.input.time.timezone, self.published)
        return DeclaredRules(**dict(self._time_rules(now)), records=records, aggregates=aggregates)

    def parsing_rules(self, now: datetime) -> ParsingRules:
        """The same of a pipeline whose aggregates are not declared."""
        value = self.value
        return ParsingRules(
            **dict(self._time_rules(now)),
            value_field=value.field,
            precision=value.precision,
            scale=value.scale,
            excess_digits=value.excess_digits,
        )

    def _time_rules(self, now: datetime) -> TimeRules:
        time = self.input.time
        return TimeRules(
            time_field=time.field,
            time_format=time.format,
            timezone=time.timezone,
            earliest=time.earliest or default_earliest(time_formats(time.format)),
            latest=time.latest or now + timedelta(days=1),
        )


def load_pipeline(path: Path, *, overrides: Iterable[str] = (), environment: Mapping[str, str] = {}) -> Pipeline:
    """Settings of the pipeline file, with the environment's and the command line's overrides.

    Raises `ConfigurationError` with every problem at once, an unknown key with the nearest known one.
    """
    values = _read_settings(path)
    sources: dict[tuple[str, ...], str] = {}
    for one in [*from_environment(environment), *map(from_command_line, overrides)]:
        put(values, one, Pipeline)
        sources[one.keys] = one.source
    try:
        pipeline = Pipeline.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError("\n".join([f"{path}:", *(_sentence(one, sources) for one in error.errors())])) from None
    try:
        return _with_absolute_paths(pipeline, project_folder(path))
    except ValueError as error:
        raise ConfigurationError(f"{path}:\n  lake: {error}") from None


def project_folder(path: Path) -> Path:
    """Folder that relative paths of a pipeline file start at."""
    parents = path.resolve().parents
    return next((parent.parent for parent in parents if parent.name == "conf"), parents[0])


def _read_settings(path: Path) -> dict[str, Value]:
    try:
        values = parse_yaml(read_small_text(path, "pipeline file", LARGEST_FILE))
    except YamlProblem as problem:
        raise ConfigurationError(f"{path} is not valid YAML for settings: {problem}") from None
    if not isinstance(values, dict):
        raise ConfigurationError(f"{path} holds no settings; see conf/pipelines/daily_voltage.yaml for an example")
    return values


def _sentence(error: Any, sources: Mapping[tuple[str, ...], str]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    source = next((f", from {sources[keys]}" for keys in sources if keys == error["loc"][: len(keys)]), "")
    if error["type"] == "extra_forbidden":
        return f"  {key}: unknown key{_nearest(error['loc'])}{source}"
    if error["type"] == "missing":
        return f"  {key}: missing"
    if error["input"] is None:
        return (
            f"  {key}: nothing (null) is written there; leave the line out, or write null in quotes if the text is meant{source}"
        )
    return f"  {key or 'settings'}: {error['msg'].removeprefix('Value error, ')}{_got(error['input'])}{source}"


def _got(value: Any) -> str:
    """What was found, in few words; a text that may carry a login is not repeated."""
    if isinstance(value, dict):
        return ""
    shown = value if isinstance(value, str) and re.fullmatch(r"[\d.+-]{1,40}", value) else repr(value)
    if "://" in shown or "@" in shown:
        return ""
    return f" (got {shown})" if len(shown) <= LONGEST_SHOWN else f" (got {shown[:LONGEST_SHOWN]}...)"


def _nearest(location: tuple[str | int, ...]) -> str:
    annotation: Any = Pipeline
    for part in location[:-1]:
        annotation = inner(annotation, str(part))
    section = section_of(annotation)
    known = list(section.model_fields) if section else []
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}" if known else ""


def _with_absolute_paths(pipeline: Pipeline, folder: Path) -> Pipeline:
    files = {"kafka": folder / home_expanded(pipeline.kafka), "state": folder / home_expanded(pipeline.state)}
    return pipeline.model_copy(update={**files, "lake": parse_location(pipeline.lake, folder)})
