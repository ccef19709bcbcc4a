"""A pipeline file as text, from what was seen of the messages: each choice with its reason, and what else it might have been.

Text out; what is in a message stands in comments only as printable text on one line. Knows no broker.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spark_jobs.base.wording import counted, printable
from spark_jobs.beginning.first_look import Look
from spark_jobs.beginning.guessed_times import Times
from spark_jobs.pipeline.strict_yaml import is_null

SHOWN = 60
MOST_OTHERS = 5
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")


@dataclass(frozen=True)
class Names:
    """What no message says."""

    pipeline: str
    kafka: str
    topic: str
    output: str


def draft(names: Names, look: Look) -> str:
    """The file's text, by the likeliest time and the likeliest value."""
    (time_field, times), value_field = next(iter(look.times.items())), next(iter(look.values))
    lines = [
        f"# Made by `dayfold init` after a look at {counted(look.messages, 'message')} of {names.topic}, the oldest and the "
        "newest ones.",
        "# Look at each choice before the first run: fields, formats, zone and output topic are fixed once a batch follows them.",
        f"name: {_scalar(names.pipeline)}",
        f"kafka: {_scalar(names.kafka)}",
        "lake: data/lake                     # folder or URI of the tables",
        "input:",
        f"  topic: {_scalar(names.topic)}",
        "  start: earliest                   # first run only: earliest, latest, or an ISO time of Kafka's records",
        "  time:",
        *_indented(_time_lines(time_field, times, look)),
        "  value:",
        *_indented(_value_lines(value_field, look)),
        "output:",
        f"  topic: {_scalar(names.output)}",
        "  # `dayfold topic create` makes it, with as many partitions as the input topic has.",
        "limits: {max_rejected_fraction: 0.01} # more rejected messages than that stop a run before anything is averaged",
    ]
    return "\n".join(lines) + "\n"


def fields_seen(look: Look) -> str:
    """Every field with an example of it, in one line."""
    shown = [_with_example(name, example) for name, example in look.examples.items()]
    more = f" and {len(shown) - 20} more" if len(shown) > 20 else ""
    return ", ".join(shown[:20]) + more if shown else "none with a text or a number"


def _time_lines(field: str, times: Times, look: Look) -> Iterator[str]:
    yield f"# In {times.read} of {look.objects} messages, for example {_shown(look.examples[field])}."
    yield f"field: {_scalar(field)}"
    if len(times.formats) > 1:
        yield "# Written in several ways, which are tried in this order."
    yield f"format: {_sequence(times.formats)}"
    for other in times.others:
        yield f"# {_scalar(other)} would read them too, as other times."
    if times.local:
        yield (
            "# Some of these times have no offset: UTC is assumed. If clocks of a place wrote them, name its zone, as in "
            "Europe/Paris."
        )
    yield "timezone: UTC                   # a day is a day of this zone"
    others = [(name, found) for name, found in look.times.items() if name != field]
    if others:
        said = (f"{_with_example(name, look.examples[name])} as {_sequence(found.formats)}" for name, found in others)
        yield f"# Other fields that read as times: {_listed(said, len(others))}."


def _value_lines(field: str, look: Look) -> Iterator[str]:
    numbers = look.values[field]
    yield f"# In {numbers.read} of {look.objects} messages, for example {_shown(look.examples[field])}."
    yield f"field: {_scalar(field)}"
    if numbers.rounded:
        yield (
            "# Some have more than 6 digits after the point: they are rounded half up and counted; `excess_digits: reject` "
            "refuses them."
        )
    yield 'type: "decimal(18,6)"           # at most 12 digits before and 6 after the point'
    others = [name for name in look.values if name != field]
    if others:
        yield (
            "# Other fields that are numbers: "
            f"{_listed((_with_example(name, look.examples[name]) for name in others), len(others))}."
        )


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _listed(shown: Iterator[str], count: int) -> str:
    first = [one for one, _ in zip(shown, range(MOST_OTHERS), strict=False)]
    return ", ".join(first) + (f" and {count - MOST_OTHERS} more" if count > MOST_OTHERS else "")


def _with_example(name: str, example: str) -> str:
    return f"{_shown(name)} ({_shown(example)})"


def _shown(text: str) -> str:
    line = printable(text)
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


def _sequence(texts: Sequence[str]) -> str:
    return _scalar(texts[0]) if len(texts) == 1 else f"[{', '.join(map(_scalar, texts))}]"


_ESCAPED: Mapping[str, str] = {'"': '\\"', "\\": "\\\\"}


def _scalar(text: str) -> str:
    r"""A text as YAML, in quotes where it could be taken for anything else.

    >>> _scalar("ts"), _scalar("a: #b"), _scalar('say "hi" \U0001f600'), _scalar("null")
    ('ts', '"a: #b"', '"say \\"hi\\" \U0001f600"', '"null"')
    """
    if _PLAIN.fullmatch(text) and not is_null(text):
        return text
    return '"' + "".join(_ESCAPED.get(one, one) for one in text) + '"'
