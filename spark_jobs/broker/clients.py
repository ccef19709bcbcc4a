"""The clients of Kafka that everything here is made with: librdkafka's, or those of a simulated cluster.

A simulation takes effect for the thread that asked for it, and only while it asks.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from spark_jobs.broker.client_errors import LibrdkafkaLog


@dataclass(frozen=True)
class Clients:
    """What is called with settings to make a client of each kind."""

    admin: type[AdminClient] = AdminClient
    consumer: type[Consumer] = Consumer
    producer: type[Producer] = Producer


LIBRDKAFKA = Clients()
_clients = ContextVar("clients", default=LIBRDKAFKA)


def new_admin(settings: Mapping[str, Any]) -> AdminClient:
    """A client that begins to connect; raises what librdkafka raises where settings make none, as the other two do."""
    return _clients.get().admin(dict(settings), logger=LibrdkafkaLog())


def new_consumer(settings: Mapping[str, Any]) -> Consumer:
    """A client that reads and commits nothing before it is told to."""
    return _clients.get().consumer(dict(settings), logger=LibrdkafkaLog())


def new_producer(settings: Mapping[str, Any]) -> Producer:
    """A client that takes records, and transactions if it has a `transactional.id`."""
    return _clients.get().producer(dict(settings), logger=LibrdkafkaLog())


@contextmanager
def made_by(clients: Clients) -> Iterator[None]:
    """Let this thread make its clients so, meanwhile."""
    token = _clients.set(clients)
    try:
        yield
    finally:
        _clients.reset(token)
