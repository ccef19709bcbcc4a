"""Sending the readings that a topic still lacks: whatever was stored before is not sent again."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spark_jobs.local.demo.readings import Missing, Readings
from spark_jobs.local.kafka.sending import Sendable, send_all


def send_missing(
    client: Mapping[str, Any], topic: str, readings: Readings, missing: Iterable[Missing], on_sent: Callable[[int], None]
) -> int:
    """Send what is missing and wait until all of it is stored; how many readings that were.

    Killed meanwhile: the next call is asked for the rest only.
    """
    messages = (Sendable(one.partition, one.day.key, value) for one in missing for value in readings.messages(one))
    return send_all(client, topic, messages, on_sent)
