"""Who decides: signed under every decision in the checkpoints. Knows the process it runs in and nothing else."""

import getpass
import os
import socket
from collections.abc import Mapping

OPERATOR = "DAYFOLD_OPERATOR"
"""Who asked for the run, where that is another than the user it runs as: a scheduler sets it."""


def signature(run_id: str, environment: Mapping[str, str]) -> dict[str, str]:
    """User, host and run, and who triggered the run where a scheduler says so."""
    signed = {"user": _user(), "host": socket.gethostname(), "run_id": run_id}
    operator = environment.get(OPERATOR, "").strip()
    return {**signed, "triggered_by": operator} if operator else signed


def _user() -> str:
    """Python raises one of these in a container whose user has no name, which one depends on its version."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
