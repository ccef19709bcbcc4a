"""`make bench`: Kafka to Delta daily averages, ours beside the alternatives, on this machine in one session.

`make bench WORKS="small two_million" REPEATS=3`; works and sets of works are in `works.py`, contestants in
`contestants/catalogue.py`. Results are merged into `data/bench/results.json` work by work; `report.py` turns them into tables and
plots.
"""

import argparse
import shutil
import sys
from pathlib import Path

from rich.console import Console

from benchmarks import report
from benchmarks.contestants.catalogue import CONTESTANTS
from benchmarks.contestants.contestant import Contestant
from benchmarks.results import Results
from benchmarks.session import Session, run_work
from benchmarks.works import SETS, WORKS, Work, chosen_works, tiny
from spark_jobs.base.project import PROJECT
from spark_jobs.local.interrupts import interrupted_once
from spark_jobs.local.kafka.server import BrokerOptions, start_kafka
from spark_jobs.local.screen import Clock, Screen

FOLDER = PROJECT / "data" / "bench"
PIPE_WIDTH = 200
BROKER = BrokerOptions(
    # 512 partitions of a topic and as many of each output topic; deleted ones give their disk back at once.
    settings={"log.segment.delete.delay.ms": "100", "log.initial.task.delay.ms": "100"},
    heap="1g",
)


def taking_part(work: Work, asked: list[str]) -> tuple[list[Contestant], dict[str, str]]:
    """Those of a work that can be run here, and why the others cannot."""
    wanted = [CONTESTANTS[name] for name in work.contestants if not asked or name in asked]
    reasons = {one.name: one.missing() for one in wanted}
    return [one for one in wanted if reasons[one.name] is None], {name: reason for name, reason in reasons.items() if reason}


def run_all(works: list[Work], asked: list[str], repeats: int, folder: Path, screen: Screen) -> Results:
    """Run the works one after the other; what is finished is kept even if a later one is interrupted."""
    results, clock = Results.load(folder / "results.json"), Clock()
    for left in ("places", "kafka"):
        shutil.rmtree(folder / left, ignore_errors=True)
    with start_kafka(folder / "kafka", options=BROKER, tied_to_us=True) as running:
        session = Session(running.bootstrap, folder, screen)
        session.await_groups()
        for number, work in enumerate(works, start=1):
            contestants, missing = taking_part(work, asked)
            screen.say(f"\n{number} of {len(works)}, after {clock.seconds / 60:.0f} min: {work.title}", style="bold")
            for name, reason in missing.items():
                screen.say(f"  without {CONTESTANTS[name].title}: {reason}")
            results.put(work, repeats, run_work(session, work, contestants, repeats), missing)
            results.save()
    shutil.rmtree(folder / "kafka")
    screen.say(f"\n{clock.seconds / 60:.1f} min in all")
    return results


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Time ours and the alternatives, and check them all.")
    parser.add_argument("works", nargs="*", default=["goals"], help=f"of {', '.join([*WORKS, *SETS])} (default: goals)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each contestant (default 3)")
    parser.add_argument("--contestants", nargs="*", default=[], help=f"only these of {', '.join(CONTESTANTS)}")
    parser.add_argument("--tiny", action="store_true", help="next to no records: whether everything works, not how fast")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where everything is made (default: data/bench)")
    asked = parser.parse_args(arguments)
    if unknown := [*({*asked.works} - {*WORKS, *SETS}), *({*asked.contestants} - {*CONTESTANTS})]:
        parser.error(f"there is no {unknown[0]}")
    works = [tiny(work) if asked.tiny else work for work in chosen_works(asked.works)]
    # Sizes that say nothing about speed must not take the place of those that do.
    folder = (asked.folder / "tiny" if asked.tiny else asked.folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    # A pipe has no width to fit into.
    screen = Screen(Console(width=None if sys.stdout.isatty() else PIPE_WIDTH))
    try:
        with interrupted_once():
            results = run_all(works, asked.contestants, asked.repeats, folder, screen)
    except KeyboardInterrupt:
        screen.say(f"stopped; what was finished is in {folder / 'results.json'}")
        return 130
    report.write(results, folder)
    for work in works:
        screen.console.print(report.terminal_table(results.works[work.name]))
    screen.say(f"tables and plots: {folder / 'report.md'}")
    return 1 if any(results.works[work.name].objections for work in works) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
