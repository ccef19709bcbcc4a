"""Every question that the program asks a cluster, of one whose topic "in" has a record and whose group "p" exists."""

from collections.abc import Callable

from spark_jobs.broker.cluster import Broker

QUESTIONS: dict[str, Callable[[Broker], object]] = {
    "topic": lambda broker: broker.topic("in"),
    "stable ends": lambda broker: broker.stable_ends("in", [0]),
    "committed": lambda broker: broker.committed("p", "in", [0]),
    "visible": lambda broker: broker.visible("p", "in", {0: 0}),
    "broker config": lambda broker: broker.broker_config(["transaction.max.timeout.ms"]),
    "replicas": lambda broker: broker.replicas("in"),
    "group": lambda broker: broker.find_group("p"),
    "delete group": lambda broker: broker.delete_group("p"),
    "create topic": lambda broker: broker.create_topic("new", 1, None, {}),
    "scan": lambda broker: list(broker.scan("in", {0: 0}, {0: 1}, idle_seconds=1)),
    "cut": lambda broker: broker.find_cut("in", {0: (1, 0)}),
}
