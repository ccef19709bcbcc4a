"""Settings from the environment and the command line: which setting each is for, and what its text means there.

An override is the text of a setting, whole and as it is written: `--set lake='/data/team #1/lake'` has no comment and needs no
quotes of its own. Only for a section or a list the text is read as YAML. Knows the form of settings by their types alone.
"""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.pipeline.strict_yaml import Value, YamlProblem, is_null, parse_yaml, require_plain_text

PREFIX = "DAYFOLD__"


@dataclass(frozen=True)
class Override:
    """A setting's new text, and where it comes from."""

    keys: tuple[str, ...]
    text: str
    source: str


def from_environment(environment: Mapping[str, str]) -> Iterator[Override]:
    """Overrides by `DAYFOLD__KEY__PATH`, in the order of their names. Large and small letters are the same there."""
    named: dict[tuple[str, ...], str] = {}
    for name in sorted(one for one in environment if one.upper().startswith(PREFIX)):
        keys = tuple(name[len(PREFIX) :].lower().split("__"))
        if not all(keys):
            raise ConfigurationError(
                f"the environment variable {name} names no setting; expected {PREFIX}KEY__PATH, for example "
                f"{PREFIX}LIMITS__MAX_RECORDS_PER_BATCH"
            )
        if keys in named:
            raise ConfigurationError(f"the environment variables {named[keys]} and {name} are for the same setting; keep one")
        named[keys] = name
        yield Override(keys, environment[name], f"the environment variable {name}")


def from_command_line(override: str) -> Override:
    """The override of one `--set`."""
    key, equals, value = override.partition("=")
    keys = tuple(part.strip() for part in key.split("."))
    if not (equals and all(keys)):
        # A text without a key may be anything, a secret too.
        shown = f"--set {key.strip()}" if equals or (len(key) <= 40 and "@" not in key) else "--set"
        raise ConfigurationError(f"{shown}: expected key.path=value, for example limits.max_records_per_batch=1000000")
    return Override(keys, value, "--set")


def put(values: dict[str, Value], override: Override, model: type[BaseModel]) -> None:
    """Store an override among the `values` of a file, as what its setting in `model` takes."""
    *sections, last = override.keys
    section: dict[str, Value] = values
    for name in sections:
        inner = section.get(name)
        if inner is None:
            inner = section[name] = {}
        if not isinstance(inner, dict):
            raise ConfigurationError(f"{'.'.join(override.keys)}: {name} is a value, not a section (from {override.source})")
        section = inner
    section[last] = _value(override, _annotation(model, override.keys))


def _value(override: Override, annotation: Any) -> Value:
    kinds = set(_kinds(annotation))
    text = override.text.strip()
    try:
        if type(None) in kinds and is_null(text):
            return None
        is_list = tuple in kinds and (str not in kinds or text.startswith("["))
        if is_list or any(issubclass(kind, BaseModel) for kind in kinds):
            return parse_yaml(text)
        return require_plain_text(text)
    except YamlProblem as problem:
        raise ConfigurationError(f"{'.'.join(override.keys)}: {problem} (from {override.source})") from None


def _annotation(model: type[BaseModel], keys: tuple[str, ...]) -> Any:
    """The type of a setting; of one that does not exist, a text: whoever validates it names it."""
    annotation: Any = model
    for key in keys:
        annotation = inner(annotation, key)
    return annotation


def inner(annotation: Any, key: str) -> Any:
    """The type of a setting within a section, or within a mapping whatever its key is; a text where there is none."""
    section = section_of(annotation)
    if section and key in section.model_fields:
        return section.model_fields[key].annotation
    return next((get_args(one)[1] for one in _parts(annotation) if get_origin(one) is dict), str)


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a type may be."""
    return next((kind for kind in _kinds(annotation) if issubclass(kind, BaseModel)), None)


def _parts(annotation: Any) -> Iterator[Any]:
    """What a type may be, with what it is made of."""
    if get_origin(annotation) is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _parts(one)
    else:
        yield annotation


def _kinds(annotation: Any) -> Iterator[type]:
    """The classes that a type may be, without what narrows them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _kinds(one)
    elif isinstance(annotation, type):
        yield annotation
    elif isinstance(origin, type):
        yield origin
    else:
        yield str
