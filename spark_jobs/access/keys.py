"""Which keys a Kafka properties file may hold, and what each becomes for the Java client.

The file speaks librdkafka's names (CONFIGURATION.md of librdkafka 2.16). Every key belongs to exactly one of the tables below;
whatever is in none of them is unknown and refused, so nothing is ever dropped on the way to the second client without a
decision written down here. Knows no value and no client.
"""

SECRET_KEYS = frozenset(
    {
        "sasl.password",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.client.credentials.client.secret",
        "ssl.key.pem",
        "ssl.key.password",
        "ssl.keystore.password",
    }
)

SECURITY_KEYS = SECRET_KEYS | {
    "security.protocol",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.grant.type",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.token.endpoint.url",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.endpoint.identification.algorithm",
}
"""Translated by `java_client.py` with an eye on each other; every other key is translated on its own."""

FILE_KEYS = frozenset({"ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location"})
"""Values that name a file; relative ones start at the project folder, as in a pipeline file."""

PEM_KEYS = frozenset({"ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem"})

JAVA_NAMES = {
    "bootstrap.servers": "bootstrap.servers",
    "client.id": "client.id",
    "client.rack": "client.rack",
    "client.dns.lookup": "client.dns.lookup",
    "check.crcs": "check.crcs",
    "connections.max.idle.ms": "connections.max.idle.ms",
    "fetch.max.bytes": "fetch.max.bytes",
    "fetch.message.max.bytes": "max.partition.fetch.bytes",
    "fetch.min.bytes": "fetch.min.bytes",
    "fetch.wait.max.ms": "fetch.max.wait.ms",
    "max.partition.fetch.bytes": "max.partition.fetch.bytes",
    "metadata.max.age.ms": "metadata.max.age.ms",
    "reconnect.backoff.max.ms": "reconnect.backoff.max.ms",
    "reconnect.backoff.ms": "reconnect.backoff.ms",
    "retry.backoff.max.ms": "retry.backoff.max.ms",
    "retry.backoff.ms": "retry.backoff.ms",
    "sasl.oauthbearer.sub.claim.name": "sasl.oauthbearer.sub.claim.name",
    "socket.connection.setup.timeout.ms": "socket.connection.setup.timeout.ms",
    "socket.receive.buffer.bytes": "receive.buffer.bytes",
    "socket.send.buffer.bytes": "send.buffer.bytes",
    "socket.timeout.ms": "request.timeout.ms",
}
"""librdkafka key to the Java client's key for the same thing, value unchanged unless `JAVA_VALUES` says otherwise."""

JAVA_VALUES = {
    # 0 means "the operating system's size" and "never" to librdkafka; the Java client says -1 for both.
    ("socket.receive.buffer.bytes", "0"): "-1",
    ("socket.send.buffer.bytes", "0"): "-1",
    ("connections.max.idle.ms", "0"): "-1",
}

LIBRDKAFKA_ONLY = frozenset(
    """
    batch.num.messages batch.size broker.address.family broker.address.ttl compression.codec compression.level compression.type
    coordinator.query.interval.ms debug enable.metrics.push enable.random.seed enable.sparse.connections fetch.error.backoff.ms
    fetch.queue.backoff.ms linger.ms log.connection.close log.thread.name log_level message.copy.max.bytes message.max.bytes
    metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy queue.buffering.max.kbytes
    queue.buffering.max.messages queue.buffering.max.ms queued.max.messages.kbytes queued.min.messages receive.message.max.bytes
    socket.keepalive.enable socket.max.fails socket.nagle.disable statistics.interval.ms
    sticky.partitioning.linger.ms topic.metadata.propagation.max.ms topic.metadata.refresh.fast.cnt
    topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms topic.metadata.refresh.sparse
    transaction.timeout.ms
    """.split()
)
"""Tuning, logging and publishing: the Java client reads without them just as safely, so they stay with librdkafka."""

OWNED_KEYS = frozenset(
    """
    acks allow.auto.create.topics auto.commit.enable auto.commit.interval.ms auto.offset.reset delivery.report.only.error
    delivery.timeout.ms enable.auto.commit enable.auto.offset.store enable.gapless.guarantee enable.idempotence
    enable.partition.eof group.id group.instance.id group.protocol group.protocol.type group.remote.assignor
    heartbeat.interval.ms isolation.level max.in.flight max.in.flight.requests.per.connection max.poll.interval.ms
    message.send.max.retries message.timeout.ms offset.store.method offset.store.path offset.store.sync.interval.ms
    partition.assignment.strategy partitioner produce.offset.report queuing.strategy request.required.acks request.timeout.ms
    retries session.timeout.ms topic.blacklist transactional.id
    """.split()
)
"""What makes every record count exactly once, or would read and write something else:
set by the job alone, so a line with it has no effect.
"""

_LOST = "averages could be lost or published twice"
GUARANTEES = {
    "acks": (("all", "-1"), _LOST),
    "request.required.acks": (("all", "-1"), _LOST),
    "enable.idempotence": (("true",), _LOST),
    "isolation.level": (("read_committed",), "records of aborted transactions would be counted"),
}
"""Keys of those whose line may only ask for what the job does anyway, with the values, and what any other value would mean."""

_KERBEROS = "Kerberos is not: the pinned librdkafka is built without it"

_NO_JAVA_EQUIVALENT = "the Java client has no equivalent, so reading would be less strict than this asks for"
_SECOND_LOGIN = "only client id and secret (sasl.oauthbearer.method=oidc) are supported, for both clients alike"

REFUSED_KEYS = {
    **dict.fromkeys(
        "sasl.kerberos.service.name sasl.kerberos.principal sasl.kerberos.keytab sasl.kerberos.kinit.cmd "
        "sasl.kerberos.min.time.before.relogin".split(),
        _KERBEROS,
    ),
    "enable.ssl.certificate.verification": "the broker's certificate is always verified; put its CA into ssl.ca.location",
    "enable.sasl.oauthbearer.unsecure.jwt": "unsigned tokens are for tests only",
    "plugin.library.paths": "it loads code into the process",
    "sasl.oauthbearer.config": _SECOND_LOGIN,
    "sasl.oauthbearer.metadata.authentication.type": _SECOND_LOGIN,
    **dict.fromkeys(
        "ssl.cipher.suites ssl.crl.location ssl.curves.list ssl.engine.id ssl.engine.location ssl.providers ssl.sigalgs.list "
        "ssl.ca.certificate.stores https.ca.location https.ca.pem".split(),
        _NO_JAVA_EQUIVALENT,
    ),
    **dict.fromkeys(
        "sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.exp.seconds "
        "sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include "
        "sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file "
        "sasl.oauthbearer.assertion.jwt.template.file sasl.oauthbearer.assertion.private.key.file "
        "sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.private.key.pem".split(),
        _SECOND_LOGIN,
    ),
}
"""Keys that would weaken security in one of the clients, with the reason."""

WRITE_INSTEAD = {
    "metadata.broker.list": "bootstrap.servers",
    "sasl.login.callback.handler.class": "sasl.oauthbearer.method=oidc",
    "sasl.client.callback.handler.class": "sasl.mechanism",
    "sasl.login.class": "sasl.mechanism",
    "ssl.truststore.location": "ssl.ca.location (a PEM file)",
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.truststore.password": "ssl.ca.location (a PEM file, which needs no password)",
    "ssl.truststore.type": "ssl.ca.location (a PEM file)",
    "ssl.keystore.key": "ssl.key.location or ssl.key.pem",
    "ssl.keystore.certificate.chain": "ssl.certificate.location or ssl.certificate.pem",
    "ssl.keystore.type": "ssl.keystore.location (PKCS12) or ssl.certificate.location (PEM)",
    "default.api.timeout.ms": "socket.timeout.ms",
    "fetch.max.wait.ms": "fetch.wait.max.ms",
    "receive.buffer.bytes": "socket.receive.buffer.bytes",
    "send.buffer.bytes": "socket.send.buffer.bytes",
}
"""The Java client's names, which are not read: what to write for each."""

KNOWN_KEYS = SECURITY_KEYS | JAVA_NAMES.keys() | LIBRDKAFKA_ONLY
