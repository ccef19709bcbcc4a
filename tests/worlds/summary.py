"""What many worlds reached, and what they did not."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from spark_jobs.progress.row_order import FOLLOWS
from spark_jobs.progress.standing import Contradiction, Step
from tests.faults.points import in_source
from tests.worlds.simulation import Outcome, Reached


@dataclass
class Summary(Reached):
    """Sums over worlds; `failed` are those in which an invariant was broken."""

    worlds: int = 0
    seconds: float = 0.0
    failed: list[Outcome] = field(default_factory=list)

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> "Summary":
        found = cls()
        for one in outcomes:
            found.add(one)
            found.worlds += 1
            found.failed += [one] if one.violation else []
        return found

    def text(self) -> str:
        """Tables of plain text."""
        kinds = Counter[str]()
        for name, count in self.harm.items():
            kinds[name.partition(":")[0]] += count
        known = {f"{before.STATE if before else 'nothing'} then {after.STATE}" for before in FOLLOWS for after in FOLLOWS[before]}
        steps = {one.name for one in (*Step, *Contradiction)}
        numbers = {
            "worlds": self.worlds,
            "worlds in which an invariant was broken": len(self.failed),
            "worlds whose pipeline declares aggregates": self.declared,
            "runs": self.runs,
            "batches that were finished": self.batches,
            "steps": self.steps,
            "deeds of the adversary": self.harm.total(),
            "kinds of deeds, each with its place": len(self.harm),
            "worlds a minute": round(self.worlds / max(self.seconds, 1e-9) * 60),
        }
        return "\n".join(
            [
                "# Simulated worlds",
                *_table("what", numbers),
                *_table("deed", kinds),
                *_table("commands ended", self.endings),
                *_table("an unfinished batch, when a run began", self.standings),
                *_table("rows of the checkpoints", self.followed),
                "",
                f"Fault points that no world passed: {_never(in_source(), self.points)}.",
                f"States of an unfinished batch that no run met: {_never(steps, self.standings)}.",
                f"Rows that no world wrote one after the other: {_never(known, self.followed)}.",
                "",
                *(f"- seed {one.seed}: {one.violation}" for one in self.failed),
                "",
            ]
        )


def _table(title: str, numbers: Mapping[str, int]) -> list[str]:
    return ["", f"| {title} | times |", "|---|---|", *(f"| {name} | {numbers[name]:,} |" for name in numbers)]


def _never(all_of_them: Iterable[str], reached: Mapping[str, int]) -> str:
    return ", ".join(sorted(set(all_of_them) - reached.keys())) or "none"
