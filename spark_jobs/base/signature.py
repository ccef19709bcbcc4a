"""Who plans, finishes and decides: signed under the rows of the checkpoints. Knows the process it runs in and nothing else."""

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

OPERATOR = "DAYFOLD_OPERATOR"
"""Who asked for the run, where that is another than the user it runs as: a scheduler sets it."""


@dataclass(frozen=True)
class Signature:
    """User, host and run, and who triggered the run where a scheduler says so."""

    user: str
    host: str
    run_id: str
    triggered_by: str | None = None

    @property
    def stored(self) -> dict[str, str]:
        """As plain values; a run that nobody is said to have triggered has no name for that."""
        return {name: value for name, value in vars(self).items() if value is not None}


def stored_signature(found: object) -> Signature | None:
    """What was stored; who signed decides nothing, so what cannot be read is nobody.

    >>> stored_signature({"user": "airflow", "host": "edge1", "run_id": "run 7"}), stored_signature("anna")
    (Signature(user='airflow', host='edge1', run_id='run 7', triggered_by=None), None)
    """
    if not isinstance(found, dict) or not {"user", "host"} <= found.keys():
        return None
    return Signature(found["user"], found["host"], found.get("run_id", ""), found.get("triggered_by"))


def signature(run_id: str, environment: Mapping[str, str]) -> Signature:
    """That of this process."""
    return Signature(_user(), socket.gethostname(), run_id, environment.get(OPERATOR, "").strip() or None)


def signed_by(by: Signature | None) -> str:
    """Who signed, in a word. Rows of before they were signed name nobody.

    >>> signed_by(Signature("airflow", "edge1", "run 7", "anna")), signed_by(None)
    ('anna (airflow@edge1)', '-')
    """
    if by is None:
        return "-"
    user = f"{by.user}@{by.host}"
    return f"{by.triggered_by} ({user})" if by.triggered_by else user


def _user() -> str:
    """Python raises one of these in a container whose user has no name, which one depends on its version."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
