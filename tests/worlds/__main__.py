"""Lives through many worlds, two at a time, and says what they reached: `python -m tests.worlds --worlds 1000`.

With `--seed` it tells the story of one, shrunk if it fails.
"""

import argparse
import logging
import multiprocessing
import os
import sys
import time
from pathlib import Path

# Each process has a core; more threads of delta-rs would only stand in each other's way.
os.environ["TOKIO_WORKER_THREADS"] = "1"
os.environ["DAYFOLD_ALLOW_FAULTS"] = "1"

from rich.progress import track

from tests.worlds.process import prepare
from tests.worlds.shrinking import shrunk
from tests.worlds.simulation import Outcome, simulate
from tests.worlds.summary import Summary

REPORT = Path("reports")


def main(arguments: list[str]) -> int:
    """Exit code 1 if an invariant is broken anywhere."""
    parser = argparse.ArgumentParser(prog="python -m tests.worlds", description=__doc__)
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="tell the story of this one instead")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    asked = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    if asked.seed is not None:
        return tell(simulate(asked.seed))
    return live_through(range(asked.first, asked.first + asked.worlds), asked.workers)


def live_through(seeds: range, workers: int) -> int:
    """All these worlds; a summary in `reports/`."""
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=prepare) as pool:
        outcomes = pool.imap_unordered(simulate, seeds, chunksize=4)
        summary = Summary.of(track(outcomes, "worlds", total=len(seeds)))
    summary.seconds = time.monotonic() - began
    REPORT.mkdir(exist_ok=True)
    (REPORT / "worlds.md").write_text(summary.text())
    print(summary.text())
    for failed in summary.failed[:3]:
        tell(failed)
    return 1 if summary.failed else 0


def tell(outcome: Outcome) -> int:
    """The story of a world, of a smaller one that fails as well if it fails."""
    told = shrunk(outcome) if outcome.violation else outcome
    print(f"world {told.seed}", *told.story, told.violation or "nothing is wrong", sep="\n")
    return 1 if outcome.violation else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
