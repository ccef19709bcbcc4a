"""What may be asked of a run when it is triggered, by form, command line or REST alike, and what the job gets of it."""

import difflib
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param

from spark_jobs.base.errors import ConfigurationError, DecisionNeeded
from spark_jobs.pipeline.settings import Limits, Pipeline

NAMES = ("max_records_per_batch", "accept_loss", "adopt_topic", "adopt_definition")
"""Of all parameters, in the order of the form."""


def params_of(pipeline: Pipeline) -> dict[str, Param]:
    """The parameters of a pipeline's DAG; their descriptions name the values that hold where nothing is asked."""
    return dict(zip(NAMES, (_max_records(pipeline.limits), _ACCEPT_LOSS, _ADOPT_TOPIC, _ADOPT_DEFINITION), strict=True))


def _max_records(limits: Limits) -> Param:
    return Param(
        None,
        type=["null", "integer"],
        # With `minimum` the form of Airflow turns a 0 into that minimum without a word; this bound it leaves to the server, which
        # refuses.
        exclusiveMinimum=0,
        title="Most records per batch",
        description=f"Of this run; a larger backlog makes several batches. Empty: {limits.max_records_per_batch:,}, as the "
        "pipeline file has it in limits.max_records_per_batch.",
    )


def switch(title: str, description: str, section: str | None = None) -> Param:
    """A parameter that is off unless somebody turns it on; null is off, too.

    The form marks a field as required (an asterisk) unless its type allows null, and a switch that is off is no field that lacks
    a value.
    """
    place: dict[str, Any] = {} if section is None else {"section": section}
    return Param(False, type=["null", "boolean"], title=title, description=description, **place)


DECISIONS = "Decisions: only for a run after one that stopped and asked for it"
"""A section of the form, which is closed at first: whoever just wants a run has nothing to fill in there."""

_ACCEPT_LOSS = switch(
    "Accept lost records",
    "Record in the checkpoints that unread records are gone from the topic, and go on with the first one that is there.",
    DECISIONS,
)

_ADOPT_TOPIC = switch(
    "Adopt a topic created again",
    "Record in the checkpoints that the input topic was deleted and created again, and read the new one from its start.",
    DECISIONS,
)

_ADOPT_DEFINITION = switch(
    "Adopt changed settings",
    "Record in the checkpoints that batches from now on follow the changed settings of fields, formats, plausible times or "
    "the output topic, beside those so far.",
    DECISIONS,
)

ARGUMENTS = [
    "--run-id={{ run_id }}",
    "{{ '--set=limits.max_records_per_batch=%d' % params.max_records_per_batch if params.max_records_per_batch }}",
    "{{ '--accept-loss' if params.accept_loss }}",
    "{{ '--adopt-topic' if params.adopt_topic }}",
    "{{ '--adopt-definition' if params.adopt_definition }}",
]
"""Of the job, as templates; those that come out empty are left out."""


def require_known_params(conf: Mapping[str, Any] | None) -> None:
    """Raise `ConfigurationError` for a key that is no parameter:
    Airflow checks the values of those it knows, and lets others pass.
    """
    for key in conf or {}:
        if key not in NAMES:
            close = difflib.get_close_matches(key, NAMES, n=1, cutoff=0.5)
            way_on = f"did you mean {close[0]}?" if close else f"known are {', '.join(NAMES)}"
            raise ConfigurationError(f"the parameter {key} is unknown; {way_on}")


def require_decided(problems: tuple[DecisionNeeded, ...], params: Mapping[str, Any]) -> None:
    """Raise the first problem that the parameters of this run do not settle."""
    for problem in problems:
        if not problem.settled_by or not all(params.get(option) for option in problem.settled_by):
            raise problem
