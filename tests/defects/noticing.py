"""Lives through worlds until one of them is wrong, and says which: `python -m tests.defects.noticing --worlds 2000`.

Meant for a copy of the project with a defect in it, so whatever goes wrong has noticed it: a broken invariant, an error of the
simulation that meets what it does not know, or a world without an end.
"""

import argparse
import logging
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

# One world at a time has one core; more threads of delta-rs would only stand in each other's way.
os.environ["TOKIO_WORKER_THREADS"] = "1"
os.environ["DAYFOLD_ALLOW_FAULTS"] = "1"

from tests.worlds.simulation import simulate

NOTICED, UNNOTICED = 1, 0
LIMIT_SECONDS = 120
"""Of one world, which takes less than one of processor time."""


def main(arguments: list[str]) -> int:
    """Exit code 1 with the world's number and what is wrong there, 0 if nothing is."""
    parser = argparse.ArgumentParser(prog="python -m tests.defects.noticing", description=__doc__)
    parser.add_argument("--worlds", type=int, required=True)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    asked = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    for seed in range(asked.first, asked.first + asked.worlds):
        if trouble := trouble_in(seed):
            told(seed, trouble)
            return NOTICED
        print(f"world {seed}", file=sys.stderr, flush=True)
    return UNNOTICED


def trouble_in(seed: int) -> str | None:
    """What is wrong in a world."""

    def give_up(_: int, __: FrameType | None) -> NoReturn:
        told(seed, f"it goes on after {LIMIT_SECONDS} s")
        # The threads of its commands would keep this process alive.
        os._exit(NOTICED)

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT_SECONDS)
    try:
        return simulate(seed).violation
    except Exception as error:  # noqa: BLE001 - with a defect in the program, anything may come out
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)


def told(seed: int, trouble: str) -> None:
    """One line."""
    print(f"world {seed}: {' '.join(trouble.split())[:200]}", flush=True)


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    sys.stdout.flush()
    # Threads of a library that still end by themselves would have a say in it.
    os._exit(ended)
