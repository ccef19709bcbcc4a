"""A client of the cluster and the failures it met: reached within a time, asked again while an obstacle passes by itself.

librdkafka reports connection errors apart from any call; which of them waiting cannot mend is known here. Knows no question.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base import machine
from spark_jobs.base.errors import BrokerUnreachable, DayfoldError
from spark_jobs.broker.client_errors import (
    PASSES,
    KafkaRequest,
    as_dayfold_error,
    connection_error,
    kafka_error,
    reason,
    require_protocol,
    server_of,
    tls_alert,
)
from spark_jobs.broker.clients import new_admin

SILENT_SECONDS = 3.0
"""After so long without any answer it is asked whether the port speaks another protocol."""
POLL_SECONDS, TRY_SECONDS = 0.05, 0.25
ANY_TOPIC = "__consumer_offsets"
"""A topic to ask about where any would do, because asking about none means all, which large clusters answer slowly."""
_NEVER_PASSES = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED)
_OF_CONNECTIONS = (*_NEVER_PASSES, KafkaError._SSL, KafkaError._RESOLVE)
_NO_CONNECTION = (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._DESTROY_BROKER)
"""What a request ends with when its broker is gone; the last one if librdkafka was just dropping that broker."""


class AdminConnection:
    """An AdminClient with the connection errors it met, which librdkafka reports apart from any call."""

    def __init__(self, settings: KafkaSettings, admin: AdminClient, failures: list[KafkaError]) -> None:
        self.settings = settings
        self.admin = admin
        self.failures = failures

    @classmethod
    def open(cls, settings: KafkaSettings) -> Self:
        """A client that begins to connect; `ConfigurationError` where its settings make none."""
        failures: list[KafkaError] = []
        config: dict[str, Any] = {**settings.librdkafka(), "error_cb": failures.append, "allow.auto.create.topics": "false"}
        try:
            admin = new_admin(config)
        except KafkaException as error:
            raise as_dayfold_error(error, settings) from error
        return cls(settings, admin, failures)

    def reach(self, timeout_seconds: float) -> str:
        """The id of the cluster, as soon as a broker has taken our login.

        Asked in short synchronous calls: a login or certificate that can never work is seen between them and ends the wait.
        """
        started = machine.monotonic()
        deadline, asks_port = started + timeout_seconds, started + min(SILENT_SECONDS, timeout_seconds)
        while machine.monotonic() < deadline:
            try:
                return str(self.admin.list_topics(ANY_TOPIC, timeout=TRY_SECONDS).cluster_id)
            except KafkaException:
                self.admin.poll(POLL_SECONDS)
                if failure := self.hopeless():
                    raise connection_error(failure, self.settings) from None
                if machine.monotonic() > asks_port:
                    asks_port = deadline
                    require_protocol(self.settings)
        raise self.unreachable(timeout_seconds)

    def ask(
        self, question: Callable[[], Mapping[Any, "Future[Any]"]], request: KafkaRequest, timeout_seconds: float
    ) -> list[Any]:
        """The answers in order, asked for again while Kafka says that the obstacle passes by itself (a leader is moving)."""
        deadline = machine.monotonic() + timeout_seconds
        while True:
            futures = list(question().values())
            try:
                return [future.result() for future in futures]
            except KafkaException as error:
                found = kafka_error(error)
                if found is None or found.code() not in PASSES or machine.monotonic() > deadline:
                    raise self._explained(error, request, timeout_seconds) from error
                self.admin.poll(POLL_SECONDS)
            finally:
                # librdkafka ends each request in time; the client must not be dropped while one is under way.
                wait(futures)

    def hopeless(self) -> KafkaError | None:
        """A failure met so far that waiting cannot mend, if there is one."""
        return hopeless(self.failures, self.settings)

    def unreachable(self, seconds: float) -> DayfoldError:
        """Why no broker answered: the last failure that says more than "all brokers are down"."""
        clear = [failure for failure in self.failures if failure.code() != KafkaError._ALL_BROKERS_DOWN]
        name_server_silent = clear and clear[-1].code() == KafkaError._RESOLVE and _passes(clear[-1])
        if clear and clear[-1].code() in _OF_CONNECTIONS and not name_server_silent:
            return connection_error(clear[-1], self.settings)
        nothing = "no answer, or no token from the endpoint" if self.settings.mechanism == "OAUTHBEARER" else "no answer"
        cause = reason(clear[-1], self.settings) if clear else nothing
        return BrokerUnreachable(self.settings.servers, seconds, cause)

    def _explained(self, error: KafkaException, request: KafkaRequest, seconds: float) -> DayfoldError:
        self.admin.poll(0)
        if has_no_connection(error):
            failure = self.hopeless()
            return connection_error(failure, self.settings) if failure else self.unreachable(seconds)
        return as_dayfold_error(error, self.settings, request)


def has_no_connection(error: KafkaException) -> bool:
    """Whether a request ended for want of a broker: any other end says more than what a connection met."""
    found = kafka_error(error)
    return found is not None and found.code() in _NO_CONNECTION


def hopeless(failures: Sequence[KafkaError], settings: KafkaSettings) -> KafkaError | None:
    """The first of a client's failures that waiting cannot mend, if there is one."""
    for failure in failures:
        is_trust = failure.code() == KafkaError._SSL and not _passes(failure)
        if failure.code() in _NEVER_PASSES or is_trust or tls_alert(failure):
            return failure
    unresolved = [one for one in failures if one.code() == KafkaError._RESOLVE and not _passes(one)]
    names = {server_of(failure, settings) for failure in unresolved}
    # One wrong name among several is no reason to stop: another broker of the list may answer.
    return unresolved[0] if len(names) >= len(settings.servers.split(",")) else None


def _passes(failure: KafkaError) -> bool:
    """Whether waiting may mend it: a name server that does not answer, a connection closed while a broker starts or stops."""
    return any(words in failure.str() for words in ("Temporary failure", "isconnected", "reset by peer"))
