"""`dayfold init`: a pipeline file of a topic's own, written after a look at its messages, and only if it works on them.

An existing file is never touched. Killed while it writes, it leaves either nothing or the whole file.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.base import machine
from spark_jobs.base.errors import ConfigurationError, DecisionNeeded, UsageError
from spark_jobs.base.frequencies import most_frequent_first
from spark_jobs.base.project import PROJECT
from spark_jobs.base.wording import counted, excerpt
from spark_jobs.beginning.first_look import Look, look_at
from spark_jobs.beginning.pipeline_draft import Names, draft, fields_seen
from spark_jobs.beginning.some_messages import oldest_and_newest
from spark_jobs.broker.cluster import connect_by
from spark_jobs.pipeline.files import load_pipeline_files, pipelines_folder, require_alone
from spark_jobs.pipeline.settings import Pipeline, load_pipeline, project_folder
from spark_jobs.readings.judging import judge_message

LOOKED_AT = 200
KAFKA = Path("conf") / "kafka.properties"
SHOWN = 80


@dataclass(frozen=True)
class WantedPipeline:
    """What the user asks for; what is None follows from the topic."""

    topic: str
    kafka: Path | None = None
    to: Path | None = None
    name: str | None = None
    output: str | None = None


@dataclass(frozen=True)
class WrittenPipeline:
    """The file that is there now, and how many of the messages seen it accepts; `rejected` counts the others by reason."""

    path: Path
    pipeline: Pipeline
    looked_at: int
    accepted: int
    rejected: Mapping[str, int]


def write_pipeline(wanted: WantedPipeline, environment: Mapping[str, str]) -> WrittenPipeline:
    """Look at the topic and write its pipeline file; `DecisionNeeded` says what was seen if no time or no number is among it."""
    name = wanted.name or pipeline_name(wanted.topic)
    path = wanted.to or pipelines_folder(environment) / f"{name}.yaml"
    _require_new(path)
    properties = (wanted.kafka or _usual_properties(path)).resolve()
    now = machine.now()
    with connect_by(properties, environment) as broker:
        messages = oldest_and_newest(broker, broker.topic(wanted.topic), LOOKED_AT)
    look = look_at(messages, now)
    require_suggestion(wanted.topic, look)
    text = draft(
        Names(name, _from(project_folder(path), properties), wanted.topic, wanted.output or output_name(wanted.topic)), look
    )
    pipeline = _store(path, text, environment)
    verdicts = [judge_message(one.value, pipeline.parsing_rules(now)) for one in messages]
    rejected = Counter(str(one.reason) for one in verdicts if one.reason)
    return WrittenPipeline(
        path, pipeline, len(messages), sum(one.value is not None for one in verdicts), most_frequent_first(rejected)
    )


def pipeline_name(topic: str) -> str:
    """
    >>> pipeline_name("Plant-7.Readings"), pipeline_name("2024"), len(pipeline_name("x" * 100))
    ('plant_7_readings', 'p2024', 50)
    """
    name = re.sub("[^a-z0-9]+", "_", topic.lower()).strip("_")
    return (name if name[:1].isalpha() else f"p{name}")[:50]


def output_name(topic: str) -> str:
    """The topic beside the input that the averages go to."""
    return f"{topic[:230]}-daily-averages"


def require_suggestion(topic: str, look: Look) -> None:
    """Raise `DecisionNeeded` with what was seen, unless there is a time and a number."""
    if not look.messages:
        raise DecisionNeeded(
            f"{topic} holds no message to look at; send some, or copy conf/pipelines/daily_voltage.yaml and edit it"
        )
    if not look.objects:
        raise DecisionNeeded(f"none of {counted(look.messages, 'message')} of {topic} is a JSON object{_of_what_kind(look)}")
    lacking = [what for what, found in (("a time", look.times), ("a number", look.values)) if not found]
    if lacking:
        raise DecisionNeeded(
            f"{topic}: no field of {counted(look.objects, 'message')} reads as {' and none as '.join(lacking)}. Fields that "
            f"were seen: {fields_seen(look)}. Times that can be read are in docs/times.md; a number is one of JSON, or one "
            "in quotes"
        )


def _of_what_kind(look: Look) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in look.refused.items())
    begins = look.begins or b""
    framed = (
        "; a first byte 0 is that of a Schema Registry's messages (Avro, Protobuf), which are not read"
        if begins[:1] == b"\0"
        else ""
    )
    return f" ({reasons}); the first of them begins: {excerpt(begins[:1000], SHOWN) or '(nothing)'}{framed}"


def _usual_properties(path: Path) -> Path:
    """That of the folder that the pipeline file's paths start at, or else this project's."""
    beside = project_folder(path) / KAFKA
    return beside if beside.exists() else PROJECT / KAFKA


def _from(folder: Path, properties: Path) -> str:
    return str(properties.relative_to(folder)) if properties.is_relative_to(folder) else str(properties)


def _require_new(path: Path) -> None:
    if os.path.lexists(path):
        raise UsageError(
            f"{path} is there already and stays as it is; name another file with --to, or another pipeline with --name"
        )
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder; create it, or name another file with --to")


def _loaded(draft_path: Path, path: Path) -> Pipeline:
    try:
        return load_pipeline(draft_path)
    except ConfigurationError as error:
        raise ConfigurationError(f"not written: {str(error).replace(str(draft_path), str(path))}") from None


def _store(path: Path, text: str, environment: Mapping[str, str]) -> Pipeline:
    """Put the file in place once it has been loaded as every command loads it."""
    draft_path = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        draft_path.write_text(text, encoding="utf-8")
        pipeline = _loaded(draft_path, path)
        require_alone(pipeline, path, load_pipeline_files(path.parent, environment).usable)
        # Unlike a rename, a link never replaces what somebody else has put there meanwhile.
        os.link(draft_path, path)
    except FileExistsError:
        _require_new(path)
        raise
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            draft_path.unlink()
    return pipeline
