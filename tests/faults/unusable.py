"""Ways to make a stored plan unusable, each with what is said about it; needs no broker."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from deltalake import DeltaTable

from tests import oracle

Details = dict[str, Any]
Alter = Callable[[Details], object]
"""None tears the text."""


def rules(**changes: object) -> Alter:
    return lambda details: {**details, "rules": {**details["rules"], **changes}}


def changed(**changes: object) -> Alter:
    return lambda details: {**details, **changes}


def without(key: str) -> Alter:
    return lambda details: {name: value for name, value in details.items() if name != key}


UNUSABLE: Mapping[str, tuple[Alter, str]] = {
    "a zone that Java does not know": (rules(timezone="Mars/Olympus"), "does not know the time zone 'Mars/Olympus'"),
    "a format of a newer version": (rules(time_format="epoch_fortnights"), "time format"),
    "a rule of a newer version": (rules(phase_of_moon="full"), "phase_of_moon: Extra inputs are not permitted"),
    "a rule that is gone": (rules(earliest=None), "earliest: "),
    "a time that is none": (rules(latest="soon"), "latest: "),
    "digits that fit no table": (rules(precision=50, scale=40), "decimal(50,40) does not fit the tables"),
    "details of a newer version": (changed(format=2), "it was stored by a newer version of Dayfold"),
    "no rules": (without("rules"), "it lacks 'rules'"),
    "no tables": (changed(table_ids="none"), "it has another form than this version stores"),
    "no output": (changed(output_starts={"zero": 0}), "invalid literal"),
    "a nonce that could be foreseen": (changed(nonce="x"), "its nonce is not 8 or more letters"),
    "a list": (lambda _: [1], "its details are no JSON object"),
    "no JSON": (lambda _: None, "its details are no JSON"),
}


def tamper(checkpoints: str, how: Alter, state: str = "PLANNED") -> None:
    """Change the details of the newest row of this state."""
    newest = max((row for row in oracle.rows(checkpoints) if row["state"] == state), key=lambda row: row["sequence"])
    told = how(json.loads(newest["details"]))
    text = "{torn" if told is None else json.dumps(told)
    DeltaTable(checkpoints).update(new_values={"details": text}, predicate=f"sequence = {newest['sequence']}")
