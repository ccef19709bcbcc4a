"""What happens around the commands of a world: to topics, to the group, to the disk. Each deed says whether it was possible."""

import random
import shutil
from typing import TYPE_CHECKING

from tests.worlds.cluster import LAST_EPOCH, Cluster
from tests.worlds.truth import INPUT, OUTPUT, PIPELINE

if TYPE_CHECKING:
    from tests.worlds.simulation import Simulation


class Surroundings:
    """The deeds of one world's adversary that are aimed at no command."""

    def __init__(self, world: "Simulation") -> None:
        self._world = world

    def live_before(self) -> bool:
        """The output has averages of an earlier life of the pipeline, whose tables and group are gone."""
        for log in self._cluster.topics[OUTPUT].logs:
            headers = (("pipeline", PIPELINE.encode()), ("batch", b"7"), ("revision", b"5"), ("count", b"1"))
            for day in (b"2026-05-01", b"2026-05-02"):
                log.append(day, b'{"date": "%s", "voltage": 1}' % day, headers, self._cluster.milliseconds)
            self._world.truth.begins[log] = log.high
        self._world.truth.revision = 5
        return True

    def more(self) -> bool:
        """More messages arrive."""
        self._world.arrive()
        return True

    def delete_group(self) -> bool:
        """The consumer group expires."""
        if self._cluster.groups.pop(PIPELINE, None) is None:
            return False
        self._world.tell("the group is deleted")
        return True

    def rewind_group(self) -> bool:
        """The group's offsets, or some of them, are those of an earlier time."""
        earlier = [one for one in self._cluster.group_history if PIPELINE in one]
        if not earlier or PIPELINE not in self._cluster.groups:
            return False
        before = self._chosen.choice(earlier)[PIPELINE]
        share = self._chosen.choice((0.5, 1.0))
        self._cluster.groups[PIPELINE].update({place: one for place, one in before.items() if self._chosen.random() < share})
        self._world.tell(f"the group goes back to {self._cluster.groups[PIPELINE]}")
        return True

    def new_leader(self) -> bool:
        """A partition gets another leader, which has everything."""
        self._chosen.choice([log for topic in self._cluster.topics.values() for log in topic.logs]).new_leader()
        return True

    def open_on_output(self) -> bool:
        """Somebody else writes to the output topic in a transaction, and does not end it for a while."""
        name = f"foreign{self._chosen.randint(1, 2)}"
        if self._cluster.begin_epoch(name, self._chosen.choice((0.5, 60.0))) is None:
            return False
        log = self._chosen.choice(self._cluster.topics[OUTPUT].logs)
        log.append(b"foreign", b"{}", (), self._cluster.milliseconds, self._cluster.transaction(name))
        self._world.tell(f"a foreign transaction holds back partition {log.number} of the output")
        return True

    def expire(self) -> bool:
        """Retention takes the beginning of a partition of the input."""
        log = self._chosen.choice(self._cluster.topics[INPUT].logs)
        offset = self._chosen.randint(log.low, log.high)
        log.delete_before(offset)
        self._world.tell(f"records of partition {log.number} before {offset} expire")
        return True

    def lose_end(self) -> bool:
        """An unclean election takes the end of a partition of the input."""
        log = self._chosen.choice(self._cluster.topics[INPUT].logs)
        if log.stable < log.high or log.high == log.low:
            return False
        offset = self._chosen.randint(max(log.low, log.high - 3), log.high - 1)
        log.lose_end(offset)
        self._world.tell(f"partition {log.number} of the input loses its end from {offset} on")
        return True

    def replace_end(self) -> bool:
        """The same, and others fill its place before anybody looks."""
        logs = {log: log.high for log in self._cluster.topics[INPUT].logs}
        if not self.lose_end():
            return False
        for log in [log for log, high in logs.items() if log.high < high]:
            while log.high <= logs[log]:
                log.append(b"k", self._world.message(), (), self._cluster.milliseconds)
        return True

    def tear(self) -> bool:
        """The markers of a transaction that is just ending are not the same everywhere."""
        producer = self._cluster.producers.get(PIPELINE)
        transaction = producer.current if producer else None
        if transaction is None or transaction.outcome is None or not transaction.unmarked:
            return False
        transaction.torn = {one for one in transaction.unmarked if self._chosen.random() < 0.5}
        self._world.tell(f"{len(transaction.torn)} of {len(transaction.unmarked)} markers will be others")
        return True

    def expire_output(self) -> bool:
        """Retention takes the beginning of a partition of the output."""
        log = self._chosen.choice(self._cluster.topics[OUTPUT].logs)
        log.delete_before(self._chosen.randint(log.low, log.high))
        self._world.tell(f"the output's partition {log.number} begins at {log.low} now")
        return True

    def compact_output(self) -> bool:
        """The cleaner leaves the newest record of each key in a partition of the output."""
        topic = self._cluster.topics[OUTPUT]
        topic.config["cleanup.policy"] = "compact"
        log = self._chosen.choice(topic.logs)
        newest = {one.key: one for one in log.records if log.is_committed(one) and one.offset < log.stable}
        log.compact(lambda one: one.offset >= log.stable or newest.get(one.key) is one)
        self._world.tell(f"the output's partition {log.number} is compacted")
        return True

    def forget_producer(self) -> bool:
        """The coordinator forgets the transactional id, as after days without a run."""
        producer = self._cluster.producers.get(PIPELINE)
        if producer is None or (producer.current and not producer.current.is_over):
            return False
        del self._cluster.producers[PIPELINE]
        self._world.tell("the coordinator forgets the transactional id")
        return True

    def use_up_epochs(self) -> bool:
        """Many fences have gone by."""
        producer = self._cluster.producers.get(PIPELINE)
        if producer is None or producer.current is not None:
            return False
        producer.epoch = LAST_EPOCH - 1
        return True

    def recreate_input(self) -> bool:
        """The input topic is deleted and created again."""
        self._cluster.create(INPUT, len(self._cluster.topics[INPUT].logs))
        self._world.tell("the input topic is created again")
        return True

    def remove_lock(self) -> bool:
        """Somebody removes the files of a machine's state."""
        name = self._chosen.choice(self._world.machines)
        shutil.rmtree(self._world.folder / name, ignore_errors=True)
        self._world.tell(f"the lock of {name} is removed")
        return True

    def get_stuck(self) -> bool:
        """The coordinator never brings the pipeline's last transaction to its end (KAFKA-19999)."""
        self._cluster.stuck.add(PIPELINE)
        self._world.tell("the coordinator is stuck")
        return True

    def outdate_groups(self) -> bool:
        """Groups are still said to have committed what they had a while ago."""
        earlier = [one[PIPELINE] for one in self._cluster.group_history if PIPELINE in one]
        if not earlier:
            return False
        self._cluster.outdated = dict(self._chosen.choice(earlier[-6:]))
        self._cluster.later(self._chosen.choice((0.05, 5.0)), self._cluster.update_groups)
        self._world.tell(f"the group is said to have committed {self._cluster.outdated}")
        return True

    def deny(self) -> bool:
        """A permission is taken away."""
        name = self._chosen.choice((INPUT, OUTPUT, PIPELINE))
        self._cluster.denied.add(name)
        self._world.tell(f"{name} may only be looked at")
        return True

    def take_group_name(self) -> bool:
        """A share or streams group has the pipeline's name."""
        if PIPELINE in self._cluster.groups or self._world.activities:
            return False
        self._cluster.not_of_consumers.add(PIPELINE)
        self._world.tell("a share group has the pipeline's name")
        return True

    def compact_input(self) -> bool:
        """The cleaner removes records of the input, none of a batch that is on its way."""
        progress = self._world.progress()
        if progress is None or progress.unfinished:
            return False
        topic = self._cluster.topics[INPUT]
        topic.config["cleanup.policy"] = "compact,delete"
        log = self._chosen.choice(topic.logs)
        log.compact(lambda one: one.offset >= log.stable - 1 or self._chosen.random() < 0.5)
        self._world.tell(f"the input's partition {log.number} is compacted")
        return True

    def add_partitions(self) -> bool:
        """Both topics get one more."""
        if len(self._cluster.topics[INPUT].logs) > 3:
            return False
        self._cluster.add_partition(OUTPUT)
        self._cluster.add_partition(INPUT)
        self._world.tell("both topics get a partition more")
        return True

    def set_clock(self) -> bool:
        """A machine gets another time of day."""
        name = self._chosen.choice(self._world.machines)
        self._world.clocks[name] = self._chosen.choice((-86_400.0, 0.0, 7_200.0))
        self._world.tell(f"the clock of {name} is {self._world.clocks[name]} s ahead")
        return True

    def cut_power(self) -> bool:
        """All machines go off; of what no disk was asked to keep, some is gone."""
        for activity in self._world.activities:
            activity.killed, activity.frozen = True, False
        for file in self._world.disk.at_risk():
            fate = self._chosen.choice(("stays", "is gone", "is empty"))
            if fate == "is gone":
                file.unlink()
            elif fate == "is empty":
                file.write_bytes(b"")
            if fate != "stays":
                self._world.tell(f"{file.relative_to(self._world.disk.root)} {fate}")
        self._world.tell("power cut")
        return True

    @property
    def _cluster(self) -> Cluster:
        return self._world.cluster

    @property
    def _chosen(self) -> random.Random:
        return self._world.chosen
