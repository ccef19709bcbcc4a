"""The `dayfold` command as an operator types it, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def type_in(*arguments: str, fault: str = "") -> "subprocess.CompletedProcess[str]":
    """Run `dayfold` with these arguments; with a `fault` it fails at that point."""
    environment = {**os.environ, **({"DAYFOLD_ALLOW_FAULTS": "1", "DAYFOLD_FAULT": fault} if fault else {})}
    command = [str(Path(sys.executable).parent / "dayfold"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
