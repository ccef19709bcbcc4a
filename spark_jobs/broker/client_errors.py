"""Kafka's errors in our words: one function that turns what librdkafka reports into the error tree.

Used wherever a confluent-kafka client is called. What the client was asked for is passed in, because librdkafka's texts name
brokers and threads instead of topics and principals; its texts are only used where they add a cause, with secrets masked.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from confluent_kafka import KafkaError, KafkaException

from spark_jobs.access import port_check, tls_check, tls_files
from spark_jobs.access.java_client import protocol
from spark_jobs.access.properties import KafkaSettings
from spark_jobs.base.errors import (
    ConfigurationError,
    DayfoldError,
    NotPermitted,
    Superseded,
    TopicMissing,
    TransactionOpen,
    TryAgain,
)


class LibrdkafkaLog:
    """librdkafka's log lines as DEBUG of Python's logging, so that a user reads our one sentence and not its many."""

    def log(self, _level: int, text: str, *values: object) -> None:
        logging.getLogger("librdkafka").debug(text, *values)


@dataclass(frozen=True)
class KafkaRequest:
    """What a client was asked to do: the ACL operation, the kind of resource and its name; the topic, if it is about another one.

    `others` are what the same call needs of other kinds of resources.
    """

    operation: str
    resource: str
    name: str
    topic: str = ""
    others: tuple["KafkaRequest", ...] = ()

    def __str__(self) -> str:
        return f"{self.operation} on {self.resource} {self.name}".rstrip()

    def named(self, resource: str) -> str:
        """The name of what it needs of this kind."""
        return next((one.name for one in (self, *self.others) if one.resource == resource), self.name)


CONNECT = KafkaRequest("Describe", "cluster", "kafka-cluster")

PASSES = (
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)
"""Answers that ask for another try: a leader or a coordinator is moving, a transaction is about to end."""

_DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "group",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "transactional id",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "cluster",
}
_NO_TOPIC = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.UNKNOWN_TOPIC_ID,
)
_LOGIN = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError.UNSUPPORTED_SASL_MECHANISM)
_SETTINGS = (
    KafkaError._INVALID_ARG,
    KafkaError._UNSUPPORTED_FEATURE,
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError.INVALID_TRANSACTION_TIMEOUT,
    KafkaError._NOT_IMPLEMENTED,
)
_TOKEN_SERVER_AWAY = (
    r"Failed to connect|Could not connect|[Tt]imed? ?out|refused|reset by peer|Empty reply|returned error: "
    r"5\d\d|HTTP.{0,12} 5\d\d"
)
_SUPERSEDED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
_OUT_OF_RANGE = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)


def kafka_error(error: KafkaError | BaseException) -> KafkaError | None:
    """The KafkaError inside what a client raised, or None; a callback's may come as the cause of a SystemError."""
    if isinstance(error, KafkaError):
        return error
    if isinstance(error, KafkaException):
        return error.args[0] if error.args and isinstance(error.args[0], KafkaError) else None
    return kafka_error(error.__cause__) if error.__cause__ is not None else None


def as_dayfold_error(error: KafkaError | BaseException, settings: KafkaSettings, request: KafkaRequest = CONNECT) -> DayfoldError:
    """The error to raise for `error`, one sentence that names host, principal, topic or group, and never a secret.

    Settings, login, trust, names and permissions end with exit code 78, a newer producer with 76, everything that may pass by
    itself with 75.
    """
    found = kafka_error(error)
    if found is None:
        return TryAgain(f"Kafka at {settings.servers} could not {request}: {settings.redacted(str(error))}")
    code = found.code()
    if code in (*_LOGIN, KafkaError._SSL, KafkaError._RESOLVE) or tls_alert(found):
        return connection_error(found, settings)
    if code in _DENIED:
        return _denied(_DENIED[code], settings, request)
    if code in _NO_TOPIC:
        what = f"{request.name} is no topic of {settings.servers}"
        return TopicMissing(f"{what}; create it or correct the name", what)
    if sentence := _refused(code, settings, request):
        return ConfigurationError(sentence)
    if code in _SUPERSEDED:
        return Superseded(f"a newer run has taken over ({request}); this one stops")
    if code in _SETTINGS and (fault := tls_files.key_fault(settings.values)):
        return ConfigurationError(f"{settings.path}: {fault}")
    if code in _SETTINGS:
        return ConfigurationError(f"{settings.path}: Kafka does not take these settings: {reason(found, settings)}")
    if code in _OUT_OF_RANGE:
        return TryAgain(f"{request.name}: records were deleted while they were being read; the next run reports which")
    return TryAgain(f"Kafka at {settings.servers} did not answer ({request}): {reason(found, settings)}")


def _refused(code: int, settings: KafkaSettings, request: KafkaRequest) -> str | None:
    """What is wrong with the name, the group or the record of a request, if it is that."""
    match code:
        case KafkaError.TOPIC_EXCEPTION:
            return f"{request.name!r} cannot be the name of a topic: letters, digits, dot, dash and underscore only"
        case KafkaError.GROUP_ID_NOT_FOUND:
            return not_of_consumers(request.named("group"), settings)
        case KafkaError.NON_EMPTY_GROUP:
            return f"somebody consumes as the group {request.name} at {settings.servers}; stop that, then run again"
        case KafkaError.MSG_SIZE_TOO_LARGE:
            return f"topic {request.name} takes no record of this size; raise its max.message.bytes"
    return None


def not_of_consumers(group: str, settings: KafkaSettings) -> str:
    """Why the offsets of a run cannot be committed to the group of this name."""
    return (
        f"the group {group} at {settings.servers} is a share or streams group, which takes no offsets of a run. Let that "
        "program use another name and delete the group (kafka-share-groups.sh or kafka-streams-groups.sh --delete --group "
        f"{group}), or give the pipeline another name and another output topic"
    )


def open_transaction(request: KafkaRequest) -> TransactionOpen:
    """The group's offsets are not known before a transaction ends."""
    return TransactionOpen(
        f"group {request.name}: its offsets of {request.topic} are part of an open transaction; run again when it has ended"
    )


def require_protocol(settings: KafkaSettings) -> None:
    """Raise if a server that does not answer speaks another protocol than the settings say; asks it once more."""
    ours = protocol(settings.values)
    found = port_check.wrong_protocol(settings.servers, ours, settings.values)
    if found:
        raise ConfigurationError(f"{found}, but security.protocol is {ours} in {settings.path}; set it, or name another port")


def connection_error(error: KafkaError, settings: KafkaSettings) -> DayfoldError:
    """Why no connection is made with these settings: the name, one of the certificates, or the login;
    `TryAgain` if that may pass.
    """
    code, server = error.code(), server_of(error, settings)
    if alert := tls_alert(error):
        return ConfigurationError(
            f"the Kafka broker {server} ended the TLS handshake ({alert}); it may ask for another certificate: "
            f"check ssl.certificate.location and ssl.key.location in {settings.path}"
        )
    if code == KafkaError._RESOLVE:
        return ConfigurationError(
            f"the name of the Kafka broker {server} cannot be resolved; check bootstrap.servers in {settings.path}"
        )
    if code == KafkaError._SSL:
        return ConfigurationError(f"no trusted connection to the Kafka broker {server}: {_tls_cause(error, server, settings)}")
    sentence = _login_sentence(error, server, settings)
    return TryAgain(f"{sentence}; run again") if _is_token_server_away(error, settings) else ConfigurationError(sentence)


def _is_token_server_away(error: KafkaError, settings: KafkaSettings) -> bool:
    """Whether the token endpoint did not answer, or only that it cannot; one that refuses answers why."""
    return settings.mechanism == "OAUTHBEARER" and re.search(_TOKEN_SERVER_AWAY, error.str()) is not None


def tls_alert(error: KafkaError) -> str | None:
    """What the broker had against our side of the TLS handshake, in OpenSSL's words; such an error counts as mere transport."""
    match = re.search(r"alert ([a-z ]+): SSL alert number", error.str())
    return match[1] if match else None


def reason(error: KafkaError, settings: KafkaSettings) -> str:
    """librdkafka's text without its thread, state and timing notes, on one line, secrets masked."""
    text = " ".join(error.str().split())
    if "isconnected" in text:
        return f"the connection was closed at once; does security.protocol={protocol(settings.values)} fit this port?"
    text = re.sub(r"^\S*/(bootstrap|\d+): ", "", text)
    text = re.sub(r" ?\((after|connecting|install)[^()]*\)", "", text)
    text = re.sub(r"ipv[46]#", "", text)
    return settings.redacted(text).rstrip(". ")


def server_of(error: KafkaError, settings: KafkaSettings) -> str:
    """`host:port` that the error is about; all bootstrap servers if it does not say."""
    match = re.match(r"(?:\w+://)?(\S+?)/(?:bootstrap|\d+):", error.str())
    return match[1] if match else settings.servers


def denied(missing: Sequence[KafkaRequest], settings: KafkaSettings) -> NotPermitted:
    """That the principal may not do all this."""
    what, ask = " and ".join(map(str, missing)), "that ACL" if len(missing) == 1 else "these ACLs"
    return NotPermitted(
        f"{settings.principal} has no permission for {what} at {settings.servers}; "
        f"ask for {ask} (dayfold acls prints what a pipeline needs), or for the right login in {settings.path}"
    )


def _denied(resource: str, settings: KafkaSettings, request: KafkaRequest) -> ConfigurationError:
    others = [one for one in request.others if one.resource == resource]
    name = request.name if resource == request.resource else request.topic
    return denied(others[:1] or [replace(request, resource=resource, name=name)], settings)


def _login_sentence(error: KafkaError, server: str, settings: KafkaSettings) -> str:
    text = reason(error, settings)
    if "mechanism handshake failed" in text or error.code() == KafkaError.UNSUPPORTED_SASL_MECHANISM:
        offered = text.rpartition("supported mechanisms:")[2].strip()
        return f"the Kafka broker {server} does not take logins by {settings.mechanism}, but {offered or 'none on this port'}"
    if settings.mechanism == "OAUTHBEARER":
        return f"no token for {settings.principal} at the Kafka broker {server}: {text}"
    return (
        f"the Kafka broker {server} refused the login of {settings.principal} by {settings.mechanism}; "
        f"check name and password in {settings.path}"
    )


def _tls_cause(error: KafkaError, server: str, settings: KafkaSettings) -> str:
    text = reason(error, settings)
    if "certificate verify failed" not in text:
        return text.removeprefix("SSL handshake failed: ")
    cause = tls_check.certificate_fault(server, settings.values.get("ssl.ca.location"), settings.values.get("ssl.ca.pem"))
    return cause or "its certificate is not signed by the CA of ssl.ca.location, or is for another host name"
