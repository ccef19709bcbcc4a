"""Two drivers, one set of tables, one output topic and a coordinator: what each can do next, as plain states.

The actions carry the names of the program's steps. A driver may die or sleep between any two of them, and each request to commit
is a message that may arrive late, several times, or never, and in any order; so may its answer. What is left out: partitions (one
stands for all), the records' contents, time, and writes that arrive late. `Rules` switches off one rule of the protocol at a
time, so that a test can see that the search finds what it guards against.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

IDLE, FENCING, FENCED, LOOKED, PLANNED, RECORDED, OPENED, CONTRIBUTED, MERGED, PROVEN, BEGUN, SENT, COMMITTING, CONFIRMED = range(
    14
)
GOING_ON, PLANNED_NEXT, FENCING_AGAIN = range(14, 17)
"""Where a driver stands: the step that it has made last. One that has finished a batch may go on with the next: it plans that
first, by what it knows of the checkpoints, and then fences again.
"""
NONE, OPEN, COMMIT, ABORT = range(4)
"""A transaction: none, open, or its end is decided and the markers are not all written."""


class Driver(NamedTuple):
    """A run: its step, the epoch it fenced with, the place in the checkpoints it has read up to, its batch, the last batch that
    the table knew when it was opened, whether the batch was found published, and whether its commit was answered.
    """

    step: int = IDLE
    epoch: int = 0
    seen: int = 0
    batch: int = 0
    handle: int = 0
    settled: bool = False
    answered: bool = False


class State(NamedTuple):
    """All that outlives a driver, and the drivers.

    `log` counts rows of the checkpoints: PLANNED and DONE in turn. `contributions` says how often each batch is in that table,
    `averages` is the last batch that the averages were set to. `shown` says how often each batch is to be seen on the output
    topic, `group` which batch the consumer group proves, `requests` are commits under way: (epoch, batch).
    """

    log: int
    contributions: tuple[int, ...]
    averages: int
    epoch: int
    transaction: int
    owner: int
    carried: int
    shown: tuple[int, ...]
    group: int
    requests: frozenset[tuple[int, int]]
    drivers: tuple[Driver, Driver]
    harm: int
    """How many more times the group may go back, or a commit that was confirmed be lost."""

    @property
    def planned(self) -> int:
        return (self.log + 1) // 2

    @property
    def done(self) -> int:
        return self.log // 2


@dataclass(frozen=True)
class Rules:
    """Each guards something; without it the search must find a violation."""

    fence_shuts_out: bool = True
    proof_after_fence: bool = True
    checkpoints_compare: bool = True
    rows_compare: bool = True
    merge_guards: bool = True
    reads_back: bool = True
    topic_is_asked: bool = True


@dataclass(frozen=True)
class Bound:
    """How far is searched: batches, fences in all, harm in all."""

    batches: int = 2
    fences: int = 3
    harm: int = 1


def beginning(bound: Bound) -> State:
    """Nothing has happened yet."""
    return State(
        0, (0,) * bound.batches, 0, 0, NONE, 0, 0, (0,) * bound.batches, 0, frozenset(), (Driver(), Driver()), bound.harm
    )


def broken(state: State) -> str | None:
    """What must never be, and is."""
    if any(count > 1 for count in state.shown):
        return "a batch is seen twice"
    if any(count > 1 for count in state.contributions):
        return "a batch counts twice"
    if any(count for batch, count in enumerate(state.shown, 1) if batch > state.planned):
        return "a batch is seen that was never planned"
    if not all(state.shown[batch - 1] for batch in range(1, state.done + 1)):
        return "a batch is done that nobody sees"
    if not all(state.contributions[: state.done]):
        return "a batch is done that does not count"
    if state.averages < state.done:
        return "averages went back behind a batch that is done"
    return None


def following(state: State, rules: Rules, bound: Bound) -> Iterator[tuple[str, State]]:
    """Every next state, with the name of what leads there."""
    for number in (0, 1):
        for name, after in _steps(state, number, rules, bound):
            yield f"{'ab'[number]}: {name}", after
    yield from _coordinator(state, rules, bound)


def _steps(state: State, number: int, rules: Rules, bound: Bound) -> Iterator[tuple[str, State]]:
    one = state.drivers[number]

    def moved(after: State = state, **changes: object) -> State:
        drivers = list(after.drivers)
        drivers[number] = drivers[number]._replace(**changes)  # type: ignore[arg-type]
        return after._replace(drivers=(drivers[0], drivers[1]))

    def ended(after: State = state) -> State:
        return moved(after, **Driver()._asdict())

    if one.step != IDLE:
        yield "dies", ended()
    is_fenced = rules.fence_shuts_out and one.epoch != state.epoch
    match one.step:
        case 0 if state.epoch < bound.fences:  # IDLE
            epoch = state.epoch + 1
            settled = not rules.proof_after_fence and _is_published(state, state.done + 1, rules)
            yield "fences", moved(_aborted(state._replace(epoch=epoch), rules), step=FENCING, epoch=epoch, settled=settled)
        case 1 if state.transaction == NONE or not rules.fence_shuts_out:  # FENCING
            yield "is alone", moved(step=FENCED)
        case 2:  # FENCED
            yield "reads the checkpoints", moved(step=LOOKED, seen=state.log)
        case 3:  # LOOKED
            if one.seen % 2:
                yield "resumes", moved(step=PLANNED, batch=(one.seen + 1) // 2)
            elif one.seen // 2 < bound.batches:
                if one.seen == state.log or not rules.checkpoints_compare:
                    after = state._replace(log=one.seen + 1)
                    yield "plans", moved(after, step=PLANNED, seen=one.seen + 1, batch=one.seen // 2 + 1)
                else:
                    yield "is superseded", ended()
        case 4:  # PLANNED
            yield "stores records", moved(step=RECORDED)
        case 5:  # RECORDED
            yield "opens contributions", moved(step=OPENED, handle=_known(state))
        case 6:  # OPENED
            if one.handle < one.batch and (one.handle == _known(state) or not rules.rows_compare):
                yield "stores contributions", moved(_stored(state, one.batch), step=CONTRIBUTED)
            else:
                yield "finds contributions", moved(step=CONTRIBUTED)
        case 7:  # CONTRIBUTED
            if state.averages <= one.batch or not rules.merge_guards:
                yield "merges", moved(state._replace(averages=one.batch), step=MERGED)
            else:
                yield "is superseded", ended()
        case 8:  # MERGED
            settled = _is_published(state, one.batch, rules) if rules.proof_after_fence else one.settled
            yield "looks for the proof", moved(step=PROVEN, settled=settled)
        case 9:  # PROVEN
            if one.settled and state.group >= one.batch:
                yield "finds it published", moved(step=CONFIRMED)
            elif is_fenced:
                yield "is fenced", ended()
            elif state.transaction == NONE:
                carried = 0 if one.settled else one.batch
                after = state._replace(transaction=OPEN, owner=one.epoch, carried=carried)
                yield "begins and produces", moved(after, step=BEGUN)
        case 10:  # BEGUN
            if is_fenced or (state.transaction, state.owner) != (OPEN, one.epoch):
                yield "is fenced", ended()
            else:
                yield "sends offsets", moved(step=SENT)
        case 11:  # SENT
            after = state._replace(requests=state.requests | {(one.epoch, one.batch)})
            yield "asks for the commit", moved(after, step=COMMITTING)
        case 12:  # COMMITTING
            seen = state.shown[one.batch - 1] and state.group >= one.batch
            if one.answered and (seen or not rules.reads_back):
                yield "reads it back", moved(step=CONFIRMED)
        case 13:  # CONFIRMED
            if one.seen == state.log or not rules.checkpoints_compare:
                yield "is done", moved(state._replace(log=one.seen + 1), **Driver(GOING_ON, one.epoch, one.seen + 1)._asdict())
            else:
                yield "is superseded", ended()
        case 14:  # GOING_ON
            yield "ends", ended()
            is_newest = one.seen == state.log or not rules.checkpoints_compare
            if is_newest and one.seen // 2 < bound.batches and state.epoch < bound.fences:
                after = state._replace(log=one.seen + 1)
                yield "plans", moved(after, step=PLANNED_NEXT, seen=one.seen + 1, batch=one.seen // 2 + 1)
        case 15 if state.epoch < bound.fences:  # PLANNED_NEXT
            epoch = state.epoch + 1
            settled = not rules.proof_after_fence and _is_published(state, one.batch, rules)
            after = _aborted(state._replace(epoch=epoch), rules)
            yield "fences", moved(after, step=FENCING_AGAIN, epoch=epoch, settled=settled)
        case 16 if state.transaction == NONE or not rules.fence_shuts_out:  # FENCING_AGAIN
            yield "is alone", moved(step=PLANNED)


def _known(state: State) -> int:
    """The last batch that contributions know."""
    return max((batch for batch, count in enumerate(state.contributions, 1) if count), default=0)


def _stored(state: State, batch: int) -> State:
    counts = list(state.contributions)
    counts[batch - 1] += 1
    return state._replace(contributions=tuple(counts))


def _is_published(state: State, batch: int, rules: Rules) -> bool:
    return bool(batch <= len(state.shown) and state.shown[batch - 1]) if rules.topic_is_asked else state.group >= batch


def _aborted(state: State, rules: Rules) -> State:
    """A fence ends an open transaction."""
    return state._replace(transaction=ABORT) if state.transaction == OPEN and rules.fence_shuts_out else state


def _coordinator(state: State, rules: Rules, bound: Bound) -> Iterator[tuple[str, State]]:
    for epoch, batch in state.requests:
        is_open = state.transaction == OPEN and state.owner == epoch
        is_valid = is_open and (epoch == state.epoch or not rules.fence_shuts_out)
        answered = _answered(state, epoch)
        if is_valid:
            yield f"commit of batch {batch} arrives", answered._replace(transaction=COMMIT)
            if state.harm:
                yield f"commit of batch {batch} is confirmed and lost", answered._replace(transaction=ABORT, harm=state.harm - 1)
        yield "a request is lost for good", state._replace(requests=state.requests - {(epoch, batch)})
    if state.transaction == OPEN and state.epoch < bound.fences:
        yield "the transaction takes too long", state._replace(transaction=ABORT, epoch=state.epoch + 1)
    if state.transaction == COMMIT:
        shown = list(state.shown)
        batch = next((one for one in state.requests if one[0] == state.owner), (0, state.carried))[1]
        if state.carried:
            shown[state.carried - 1] += 1
        group = max(batch, state.carried)
        yield "markers are written", state._replace(transaction=NONE, owner=0, carried=0, shown=tuple(shown), group=group)
    if state.transaction == ABORT:
        yield "markers of an abort are written", state._replace(transaction=NONE, owner=0, carried=0)
    if state.harm and state.group:
        yield "the group goes back", state._replace(group=state.group - 1, harm=state.harm - 1)


def _answered(state: State, epoch: int) -> State:
    """Whoever asked with this epoch, and still waits, hears of it."""
    drivers = [one._replace(answered=True) if one.epoch == epoch and one.step == COMMITTING else one for one in state.drivers]
    return state._replace(drivers=(drivers[0], drivers[1]))


def without(rule: str) -> Rules:
    """All rules but one."""
    return replace(Rules(), **{rule: False})
