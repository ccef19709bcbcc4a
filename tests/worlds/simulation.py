"""One simulated world, from a seed: what arrives, which commands run on which machines, what happens to them, and the verdict.

In its first phase the adversary acts. Then it stops, and within a few runs by the book the pipeline must be alive and right.
"""

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from spark_jobs.audit.reconcile import audit
from spark_jobs.base import machine
from spark_jobs.base.errors import DayfoldError, OffsetsLost, TooManyRejected, TryAgain
from spark_jobs.base.outages import as_ours
from spark_jobs.broker.cluster import connect_by
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.standing import stand
from spark_jobs.lake.tables import Lake
from spark_jobs.maintenance.maintain import maintain
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.standing import next_step
from spark_jobs.run.job import RunRequest
from spark_jobs.run.republish import republish
from spark_jobs.run.story import run_pipeline
from tests.violations import Violation, require
from tests.worlds import declared
from tests.worlds.adversary import Harm
from tests.worlds.cluster import Cluster
from tests.worlds.declared import DAILY, Declaration
from tests.worlds.declared_truth import DeclaredTruth
from tests.worlds.engine import SimulatedEngine
from tests.worlds.errands import Errands
from tests.worlds.machines import Activity, Disk
from tests.worlds.operator import Operator, options
from tests.worlds.surroundings import Surroundings
from tests.worlds.tampering import Tampering
from tests.worlds.truth import INPUT, OUTPUT, PIPELINE, Truth, reading

T = TypeVar("T")

CALM_RUNS = 3
"""The first says what stands in its way, the second what only shows once that is out of it."""
RUNS = (1, 1, 1, 2, 2, 3, 4, 8)
"""How many are begun while the adversary acts."""
CLOCKS = (0.0, 0.0, -3600.0, 30.0, 90_000.0)
MOST_STEPS = 20_000
"""Of one world: whoever makes more is stuck."""
MEMORY = Path("/dev/shm")


@dataclass
class Reached:
    """How far worlds came, as sums."""

    steps: int = 0
    runs: int = 0
    batches: int = 0
    declared: int = 0
    harm: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    followed: Counter[str] = field(default_factory=Counter)
    standings: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Reached") -> None:
        for one in fields(Reached):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass
class Outcome(Reached):
    """What became of one world; `violation` says what is wrong, None if nothing is."""

    seed: int = 0
    story: list[str] = field(default_factory=list)
    deeds: int = 0
    violation: str | None = None


def simulate(seed: int, left_out: frozenset[int] = frozenset()) -> Outcome:
    """Live through the world of this seed, without the deeds of its adversary that are left out."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="world-") as folder:
        world = Simulation(seed, Path(folder))
        world.harm.left_out = left_out
        try:
            world.live()
        except Violation as violation:
            world.outcome.violation = str(violation)
        finally:
            world.end()
        return world.outcome


class Simulation:
    """A world while it is lived through."""

    declares = 0.35
    """How likely its pipeline declares aggregates."""
    brief = 0.5
    """How likely it is brief: one run in the first phase, and no errands. Several take the time of one long world."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.outcome = Outcome(seed=seed)
        self.folder = folder
        self.chosen = random.Random(seed)
        self.cluster = Cluster()
        self.cluster.verifies = self.chosen.random() < 0.8
        partitions = self.chosen.choice((1, 1, 2, 3))
        self.cluster.create(INPUT, partitions)
        self.cluster.create(OUTPUT, partitions)
        self.harm = Harm(self.chosen, self.tell)
        self.harm.events = self.chosen.sample(list(self._events()), self.chosen.choice((1, 2, 4, 8)))
        slow = self.chosen.choice((0.0, 0.0, 0.02, 1.0, 8.0))
        self.cluster.marker_delay = lambda: self.chosen.uniform(0, slow) if self.harm.active else 0.0
        self.machines = [f"m{number}" for number in range(self.chosen.choice((1, 2, 2, 3)))]
        self.clocks = {name: self.chosen.choice(CLOCKS) for name in self.machines}
        """How many seconds the clock of each is ahead."""
        self.plans = self.chosen.random() < 0.4
        """Whether plan is asked before each of the last runs."""
        self.audits = self.chosen.random() < 0.3
        self.forges = self.chosen.random() < 0.2
        """Whether somebody changes something at last that the audit must find."""
        self.is_set_back = self.chosen.random() < 0.1
        """Whether an older copy of all tables comes back at last."""
        self.tampered = False
        self.keeps_records = self.chosen.choice((0.0, 0.5, 1.0, 1.0))
        self.allowed = 1.0
        self.most = self.chosen.choice((1000, 1000, 3))
        own = random.Random(f"declared {seed}")
        self.declared = Declaration.drawn(own, OUTPUT) if own.random() < self.declares else None
        self.activities: list[Activity] = []
        self.planned: dict[str, list[float]] = {}
        self.trace: list[tuple[str, str]] = []
        """Each step of each command, and an empty one where a command ended."""
        self.errands = Errands(self, own)
        self.is_brief = random.Random(f"brief {seed}").random() < self.brief
        self.allowed = self.chosen.choice((1.0, 1.0, 0.4))
        self.write_settings()
        self.disk = Disk(folder / "lake")
        tables = f"{folder}/lake/{PIPELINE}"
        self.truth = (
            DeclaredTruth(self.cluster, tables, self.planned, self.declared)
            if self.declared
            else Truth(self.cluster, tables, self.planned)
        )
        self.tampering = Tampering(self)
        self.operator = Operator(self.cluster, self.truth, self.tampering.bring_back)
        if self.chosen.random() < 0.1 and not self.declared:
            Surroundings(self).live_before()

    # The story

    def live(self) -> None:
        """Both phases, and the verdict."""
        wanted = min(self.chosen.choice(RUNS), 1 if self.is_brief else max(RUNS))
        self.arrive()
        while self.outcome.runs < wanted or any(not one.frozen for one in self.activities):
            self._do_something(wanted)
            require("liveness", self.outcome.steps < MOST_STEPS, "the world goes on for ever")
        self._calm_down()
        for one in list(self.activities):
            one.frozen = False
            self.finish(one)
        self.tampering.set_back()
        for log in self.cluster.topics[INPUT].logs:
            log.append(b"k", self.message(), (), self.cluster.milliseconds)
        self._come_alive()

    def _calm_down(self) -> None:
        """From now on nothing happens; what brokers had forgotten is known again."""
        self.harm.active = False
        self.cluster.stuck.clear()
        self.cluster.update_groups()
        self.tell("calm")

    def _do_something(self, wanted: int) -> None:
        ready = [one for one in self.activities if not one.frozen]
        if ready and self.chosen.random() < 0.9:
            self._go_on(self.chosen.choice(ready))
            return
        drawn = self.chosen.random()
        self.tampering.copy()
        frozen = [one for one in self.activities if one.frozen]
        if frozen and drawn < 0.2:
            woken = self.chosen.choice(frozen)
            woken.frozen = False
            self.tell(f"{woken.name} wakes up")
        elif drawn < 0.4:
            self.arrive()
        elif drawn < 0.5:
            seconds = self.chosen.choice((1.0, 20.0, 400.0, 1_000_000.0))
            self.cluster.pass_time(seconds)
            if seconds > 400:
                self.disk.grow_older(seconds)
        elif self.outcome.runs < wanted:
            self.start(self.chosen.choice(self.machines))

    def start(self, machine_name: str) -> None:
        """A command on a machine: mostly a run."""
        others = {"maintenance": self.maintain, "republication": self.republish, "plan": self._plan}
        if self.chosen.random() < 0.3 and self.outcome.runs:
            name = self.chosen.choice(("maintenance", *others))
            self.begin(name, machine_name, others[name])
        else:
            self.outcome.runs += 1
            self._look()
            self.errands.before_a_run()
            self.begin(f"run{self.outcome.runs}", machine_name, self.run)

    def _look(self) -> None:
        """Take note of where an unfinished batch stands, unless somebody is at work."""
        progress = self.progress()
        with suppress(DayfoldError, OSError):
            if progress and progress.unfinished:
                lake = Lake.of(self._settings)
                self.outcome.standings[next_step(stand(lake, progress.unfinished, progress.counted)).name] += 1

    def progress(self) -> Progress | None:
        """What the tables say, None while somebody is at work and if they cannot be read."""
        with suppress(DayfoldError, OSError):
            return None if self.activities else CheckpointLog(Lake.of(self._settings)).progress
        return None

    def arrive(self) -> None:
        """Messages, some of them bad, some in a transaction that is committed, aborted or stays open for a while."""
        for _ in range(self.chosen.choice((0, 1, 2, 5))):
            log = self.chosen.choice(self.cluster.topics[INPUT].logs)
            value = self.message()
            log.append(b"k", value, (), self.cluster.milliseconds)
        if self.chosen.random() < 0.15:
            self._arrive_in_transaction()

    def message(self) -> bytes | None:
        if self.declared:
            return declared.message(self.chosen)
        if self.chosen.random() < 0.1:
            return self.chosen.choice((None, b"", b"no json", b'{"datetime": "2026-05-01T10:00:00"}'))
        return reading(self.chosen.randint(1, 3), Decimal(self.chosen.randint(-9, 99)) / 4)

    def _arrive_in_transaction(self) -> None:
        name = f"producer{self.chosen.randint(1, 2)}"
        if self.cluster.begin_epoch(name, 60.0) is None:
            return
        for log in self.cluster.topics[INPUT].logs:
            if self.chosen.random() < 0.7:
                transaction = self.cluster.transaction(name)
                log.append(b"k", self.message(), (), self.cluster.milliseconds, transaction)
        outcome = self.chosen.choice(("committed", "aborted", "open"))
        self.tell(f"a transaction of others: {outcome}")
        if outcome != "open":
            self.cluster.end(name, outcome)

    # Commands

    def begin(self, name: str, machine_name: str, work: Callable[[Activity], str]) -> None:
        self.tell(f"{name} begins on {machine_name} {self.operator.asked or ''}")
        started = Activity(name, machine_name, self.cluster, self.disk, self.harm, work, lambda: self.clocks[machine_name])
        self.planned[name], started.trace = started.planned, self.trace
        self.activities.append(started)

    def _go_on(self, activity: Activity) -> None:
        activity.go_on()
        if not activity.ended:
            return
        self.activities.remove(activity)
        self.trace.append((activity.name, ""))
        self.outcome.steps += activity.steps
        self.outcome.points += activity.points
        if activity.failure is not None:
            raise Violation("exit code", f"{activity.name} ended in {activity.failure!r}") from activity.failure
        if activity.name.startswith(("run", "calm", "maintenance", "republication")):
            self.outcome.endings[(activity.ending or "died").partition(":")[0]] += 1
        self.tell(f"{activity.name} {activity.ending or 'died'}")
        if not self.tampered:
            self.truth.require_published_once()

    def finish(self, activity: Activity) -> None:
        while not activity.ended:
            self._go_on(activity)

    def run(self, activity: Activity) -> str:
        asked = self.operator.take()
        pipeline = self.pipeline_on(activity.machine, accepting="max_rejected" in asked)
        if not self.declared:
            pipeline = pipeline.model_copy(update={"records": self.chosen.random() < self.keeps_records})
        engine = SimulatedEngine(self.cluster, activity)
        request = RunRequest(activity.name, **options(asked))  # type: ignore[arg-type]
        return self.ended(lambda: run_pipeline(pipeline, request, engine))

    def maintain(self, activity: Activity) -> str:
        return self.ended(lambda: maintain(self.pipeline_on(activity.machine), now=machine.now()))

    def republish(self, activity: Activity) -> str:
        return self.ended(lambda: republish(self.pipeline_on(activity.machine), activity.name))

    def _plan(self, activity: Activity) -> str:
        return self.ended(lambda: look_ahead(self.pipeline_on(activity.machine), {}))

    def ended(self, work: Callable[[], object]) -> str:
        try:
            work()
        except Exception as error:
            ours = as_ours(error)
            if ours is None:
                raise
            self.operator.follow(ours)
            return f"{ours.exit_code}: {type(ours).__name__}: {ours}"
        return "finished"

    def _come_alive(self) -> None:
        """Within a few runs by the book the pipeline is alive again, and all is right."""
        for number in range(CALM_RUNS):
            self.cluster.pass_time(60)
            told = self.work(f"plan{number + 1}", self._would_stop) if self.plans else None
            self.outcome.runs += 1
            ending = self.work(f"calm{number + 1}", self.run)
            # What only Kafka's records tell, of messages that were not read yet or were left out, plan does not know.
            is_known = told is not None and (told or not any(one in ending for one in (TooManyRejected.__name__, "see (was")))
            stopped = ending.partition(":")[0] in ("65", "78")
            require("plan", told == stopped or not is_known, f"plan and run disagree: {ending}")
            if ending == "finished":
                break
        if self.tampered and stopped:
            return
        require("liveness", ending == "finished", f"after {CALM_RUNS} runs by the book: {ending}")
        require("liveness", not self.truth.left_unread(), "a run that finished left messages unread")
        self.outcome.declared = int(self.declared is not None)
        self._judge()
        if not self.is_brief and not self.tampered and not self.harm.shown and self.errands.at_last():
            self._judge()
        if self.forges and not self.tampered:
            self.tampering.forge()
            self._judge()
        if not self.tampered:
            self.errands.at_the_end()

    def _judge(self) -> None:
        """All is as it must be and the audit has nothing to say; where somebody did harm to tables, it finds what is wrong."""
        wrong = self._what_is_wrong()
        if self.audits or self.tampered or wrong:
            found = self.work("audit", self._audited)
            is_right = self.tampered or wrong or found == "finished"
            require("audit", bool(is_right), f"the audit finds what is not there: {found}")
            is_found = found != "finished" or not wrong or self._is_beyond_proof()
            require("audit", is_found, f"the audit does not find that {wrong}")

    def _what_is_wrong(self) -> str | None:
        """Which invariant is broken in a world in which somebody did harm to tables, or Spark was shown what was aborted."""
        try:
            judged = self.truth.judge(may_be_back=self.tampered)
        except (Violation, LookupError, StopIteration) as wrong:
            if not self.tampered and not self.harm.shown:
                raise
            return repr(wrong)
        self.outcome.batches = len(judged.done)
        self.outcome.followed = Counter(map(" then ".join, pairwise(("nothing", *judged.states))))
        return None

    def _is_beyond_proof(self) -> bool:
        """Whether an aborted record was counted where nobody can tell any more: Kafka has it no more, or the tables never had. Or
        somebody has changed what nothing else tells of.
        """
        if self.tampered and self.truth.is_beyond_proof():
            return True
        logs = self.cluster.topics[INPUT].logs
        is_there = [one in log.records for one in self.harm.shown for log in logs]
        return bool(self.harm.shown) and (not any(is_there) or self.keeps_records < 1)

    def work(self, name: str, work: Callable[[Activity], T]) -> T:
        """What a command that nobody disturbs ends with."""
        found: list[T] = []

        def kept(activity: Activity) -> str:
            found.append(work(activity))
            return str(found[0])

        self.begin(name, self.machines[0], kept)
        self.finish(self.activities[-1])
        return found[0]

    def _would_stop(self, activity: Activity) -> bool | None:
        """Whether plan says that a run would stop until somebody does something; None if it cannot say it now."""
        try:
            pipeline = self.pipeline_on(activity.machine, accepting="max_rejected" in self.operator.asked)
            problems = look_ahead(pipeline, {}).problems
        except TryAgain:
            return None
        except DayfoldError:
            return True
        if "abandon" in self.operator.asked and any(isinstance(one, OffsetsLost) for one in problems):
            # Plan takes the batch for one that counts; what is lost behind it may be read again.
            return None
        would_stop = any(not self.operator.has_settled(one) for one in problems)
        # An open transaction hides the group's offsets, and what they prove, from whoever does not end it by a fence.
        return None if self._is_group_hidden() and not would_stop else would_stop

    def _is_group_hidden(self) -> bool:
        return any(self.cluster.is_pending(PIPELINE, INPUT, log.number) for log in self.cluster.topics[INPUT].logs)

    def _audited(self, activity: Activity) -> str:
        pipeline = self.pipeline_on(activity.machine)
        with connect_by(pipeline.kafka, {}) as broker:
            found = audit(broker, pipeline, deep=True)
        return "; ".join(map(str, found.differences)) or "finished"

    # What may happen

    def _events(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        """What the adversary may do around the commands; each says whether it was possible."""
        world = Surroundings(self)
        yield "messages arrive", world.more
        yield "the group is deleted", world.delete_group
        yield "the group goes back", world.rewind_group
        yield "a new leader", world.new_leader
        yield "a foreign transaction on the output", world.open_on_output
        yield "records expire", world.expire
        yield "a log loses its end", world.lose_end
        yield "partitions are added", world.add_partitions
        yield "a transaction is torn", world.tear
        yield "averages expire", world.expire_output
        yield "averages are compacted", world.compact_output
        yield "the transactional id is forgotten", world.forget_producer
        yield "the epochs are used up", world.use_up_epochs
        yield "the input is created again", world.recreate_input
        yield "a lock is removed", world.remove_lock
        yield "power cut", world.cut_power
        yield "the coordinator is stuck", world.get_stuck
        yield "old group offsets", world.outdate_groups
        yield "a permission is taken away", world.deny
        yield "a share group takes the name", world.take_group_name
        yield "the input is compacted", world.compact_input
        yield "a clock jumps", world.set_clock
        yield "a log loses its end and grows beyond it", world.replace_end
        yield "somebody puts files together", lambda: self.tampering.optimize()
        yield "somebody deletes old files", lambda: self.tampering.vacuum()
        yield "somebody changes a table", lambda: self.tampering.damage()

    # The rest

    def tell(self, what: str) -> None:
        """A line of the world's story."""
        self.outcome.story.append(f"{self.cluster.now:10.3f}  {what}")

    def end(self) -> None:
        """Leave no thread behind."""
        self.harm.active = False
        for one in self.activities:
            one.kill()
        self.outcome.harm = self.harm.done
        self.outcome.deeds = self.harm.deeds

    def pipeline_on(self, machine_name: str, *, accepting: bool = False) -> Pipeline:
        """The settings there; `accepting` all rejected messages, if the operator has said so."""
        limits = self._settings.limits.model_copy(update={"max_rejected_fraction": 1.0} if accepting else {})
        return self._settings.model_copy(update={"state": self.folder / machine_name, "limits": limits})

    def write_settings(self) -> None:
        (self.folder / "kafka.properties").write_text("bootstrap.servers=127.0.0.1:1\n")
        settings = {
            "name": PIPELINE,
            "kafka": str(self.folder / "kafka.properties"),
            "lake": str(self.folder / "lake"),
            **(self.declared or DAILY).settings(INPUT, self.errands.excess_digits),
            "limits": {"max_rejected_fraction": self.allowed, "max_records_per_batch": self.most},
            "maintenance": {"keep_records_days": 1},
        }
        path = self.folder / "p.yaml"
        path.write_text(json.dumps(settings))
        self._settings = load_pipeline(path)
