"""What the producer of averages is given, and how a batch is proven by the metadata of the group's offsets."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from spark_jobs.broker.connection import has_no_connection
from spark_jobs.broker.publisher import producer_settings, proof_text, proven_batch


def test_the_proof_names_its_batch_and_nothing_else_is_taken_for_one() -> None:
    assert proven_batch(proof_text(12)) == 12
    assert [proven_batch(text) for text in (None, "", "b=", "b=1x", "x b=1", "12")] == [None] * 6


@pytest.mark.parametrize(
    ("client", "transaction_ms", "silence_ms"),
    [
        ({}, 300_000, 10_000),
        ({"transaction.timeout.ms": "5000"}, "5000", 5000),
        ({"socket.timeout.ms": "45000"}, 300_000, "45000"),
    ],
)
def test_a_silent_connection_is_given_up_long_before_the_transaction_unless_told_otherwise(
    client: dict[str, str], transaction_ms: object, silence_ms: object
) -> None:
    settings = producer_settings(client, "p")
    assert (settings["transaction.timeout.ms"], settings["socket.timeout.ms"]) == (transaction_ms, silence_ms)


def test_what_makes_publishing_exactly_once_is_no_setting() -> None:
    settings = producer_settings({"transactional.id": "x", "enable.idempotence": "false"}, "p")
    assert (settings["transactional.id"], settings["enable.idempotence"]) == ("p", True)


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (KafkaError._TIMED_OUT, True),
        (KafkaError._TRANSPORT, True),
        (KafkaError._ALL_BROKERS_DOWN, True),
        (KafkaError._FENCED, False),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, False),
        (KafkaError.INVALID_TRANSACTION_TIMEOUT, False),
    ],
)
def test_what_a_broker_has_answered_is_not_blamed_on_the_connection_to_another_one(code: int, wanted: bool) -> None:
    assert has_no_connection(KafkaException(KafkaError(code))) is wanted
