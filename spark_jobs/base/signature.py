"""Who plans, finishes and decides: signed under these rows of the checkpoints. Knows the process it runs in and nothing else."""

import getpass
import os
import socket
from collections.abc import Mapping
from typing import Any

OPERATOR = "DAYFOLD_OPERATOR"
"""Who asked for the run, where that is another than the user it runs as: a scheduler sets it."""


def signature(run_id: str, environment: Mapping[str, str]) -> dict[str, str]:
    """User, host and run, and who triggered the run where a scheduler says so."""
    signed = {"user": _user(), "host": socket.gethostname(), "run_id": run_id}
    operator = environment.get(OPERATOR, "").strip()
    return {**signed, "triggered_by": operator} if operator else signed


def signed_by(details: Mapping[str, Any]) -> str:
    """Who signed a row with these details. Rows of before they were signed name nobody.

    >>> signed_by({"by": {"user": "airflow", "host": "edge1", "triggered_by": "anna"}}), signed_by({})
    ('anna (airflow@edge1)', '-')
    """
    by = details.get("by")
    if not by:
        return "-"
    user = f"{by['user']}@{by['host']}"
    return f"{by['triggered_by']} ({user})" if by.get("triggered_by") else user


def _user() -> str:
    """Python raises one of these in a container whose user has no name, which one depends on its version."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
