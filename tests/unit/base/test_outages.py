"""Failures around the job are distinguished from defects of ours: by type first, by words only where there is nothing else."""

import errno
import os

import pyarrow as pa
import pytest
from deltalake.exceptions import DeltaError
from py4j.protocol import Py4JError

from spark_jobs.base.errors import ConfigurationError, DecisionNeeded, PipelineBusy, TryAgain
from spark_jobs.base.outages import as_ours, outage
from tests.typed import type_in

JAVA = "An error occurred while calling o1.save\n: org.apache.spark.SparkException: Job aborted\nCaused by: "
WORDS = ("File exists", "Permission denied", "No space left on device", "java.util.concurrent.TimeoutException", "Parquet error")


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("kind", [KeyError, ValueError, RuntimeError, TypeError, AssertionError])
def test_a_defect_stays_a_defect_whatever_its_words(kind: type[Exception], words: str) -> None:
    assert as_ours(kind(words)) is None


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, TryAgain, "the disk is full"),
        (errno.EDQUOT, TryAgain, "the disk is full"),
        (errno.EFBIG, TryAgain, "the disk is full"),
        (errno.EACCES, ConfigurationError, "a file or folder cannot be made"),
        (errno.EROFS, ConfigurationError, "a file or folder cannot be made"),
        (errno.EEXIST, ConfigurationError, "a file or folder cannot be made"),
        (errno.ENAMETOOLONG, ConfigurationError, "a file or folder cannot be made"),
        (errno.EMFILE, TryAgain, "the machine could not do what was asked of it"),
        (errno.EIO, TryAgain, "the machine could not do what was asked of it"),
    ],
)
def test_an_error_of_the_system_is_told_by_its_number_and_names_the_file(number: int, kind: type, words: str) -> None:
    found = outage(OSError(number, os.strerror(number), "/lake/part-0.parquet"))
    assert type(found) is kind
    assert str(found).startswith(words)
    assert "/lake/part-0.parquet" in str(found)


def test_the_number_decides_even_where_the_name_of_the_file_reads_like_another_error() -> None:
    assert type(outage(OSError(errno.EACCES, "denied", "/lake/No space left on device"))) is ConfigurationError
    assert outage(OSError(errno.ENOENT, "no such file", "/lake/File exists")) is None


@pytest.mark.parametrize(
    ("cause", "kind", "words"),
    [
        ("java.io.IOException: No space left on device", TryAgain, "the disk is full: java.io.IOException"),
        ("java.lang.UnsatisfiedLinkError: /tmp/x.so", TryAgain, "the disk is full, or its temporary folder allows no programs"),
        ("java.io.FileNotFoundException: /lake/x (Permission denied)", ConfigurationError, "a file or folder cannot be made"),
        (
            "java.lang.OutOfMemoryError: Java heap space",
            ConfigurationError,
            "Spark ran out of memory: java.lang.OutOfMemoryError",
        ),
        ("org.apache.spark.SparkFileException: [FAILED_READ_FILE.NO_HINT] x", DecisionNeeded, "a file of a table cannot be read"),
        (
            "org.apache.kafka.common.errors.SaslAuthenticationException: no",
            ConfigurationError,
            "Spark's Kafka client was refused",
        ),
        (
            "java.lang.IllegalStateException: Some data may have been lost",
            TryAgain,
            "records were deleted while Spark was reading",
        ),
        ("java.lang.IllegalStateException: SparkContext has been shutdown", TryAgain, "Spark stopped under the job"),
        ("java.util.concurrent.TimeoutException: Cannot fetch record for offset 3", TryAgain, "Kafka did not answer"),
    ],
)
def test_an_error_of_spark_is_told_by_its_innermost_cause_in_one_line(cause: str, kind: type, words: str) -> None:
    found = outage(Py4JError(JAVA + cause + "\n\tat a.b.C(D.java:1)"))
    assert type(found) is kind
    assert str(found).startswith(words)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    "error",
    [
        DeltaError("Generic LocalFileSystem error: Unable to copy data to file: No space left on device (os error 28)"),
        OSError("Generic LocalFileSystem error: No space left on device (os error 28)"),
        pa.ArrowException("External: No space left on device (os error 28)"),
    ],
)
def test_an_error_of_the_table_libraries_is_told_by_its_words(error: Exception) -> None:
    assert isinstance(outage(error), TryAgain)


def test_an_error_of_our_tree_stays_what_it_is() -> None:
    busy = PipelineBusy("p", "run 1")
    assert as_ours(busy) is busy


def test_what_the_system_refuses_a_command_is_one_sentence(tmp_path: object) -> None:
    done = type_in("losses", f"{tmp_path}/{'a' * 300}/x.yaml")
    assert done.returncode == 78
    assert done.stderr.startswith("dayfold: ")
    assert done.stderr.count("\n") == 1


UNREADABLE_KEY = """An error occurred while calling o1.save
: org.apache.kafka.common.KafkaException: Failed to construct kafka consumer
\tat org.apache.kafka.clients.consumer.KafkaConsumer.<init>(KafkaConsumer.java:1)
Caused by: org.apache.kafka.common.KafkaException: Failed to create new NetworkClient
\tat x
Caused by: org.apache.kafka.common.errors.InvalidConfigurationException: Private key could not be loaded
Caused by: java.security.InvalidKeyException: Invalid RSA private key
Caused by: java.io.IOException: Not a SEQUENCE
"""
NO_FILE = """An error occurred while calling o1.save
: org.apache.spark.SparkException: Job aborted. Lost task 0.0 (executor 1): \
org.apache.kafka.common.config.ConfigException: Could not read properties from file /srv/state/a.kafka-secrets.properties
\tat x
"""
NO_TOKEN = """An error occurred while calling o1.save
: org.apache.kafka.common.KafkaException: Failed to construct kafka consumer
Caused by: org.apache.kafka.common.KafkaException: javax.security.auth.login.LoginException: An internal error occurred
Caused by: java.net.ConnectException: Connection refused
"""


@pytest.mark.group("SE")
@pytest.mark.proves("F183")
@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (
            UNREADABLE_KEY,
            ConfigurationError,
            "InvalidConfigurationException: Private key could not be loaded. The driver's client did",
        ),
        (NO_FILE, ConfigurationError, "Could not read properties from file /srv/state/a.kafka-secrets.properties. The driver's"),
        (NO_TOKEN, TryAgain, "Kafka did not answer while Spark was reading: java.net.ConnectException: Connection refused"),
    ],
    ids=["key", "secrets file", "token endpoint"],
)
def test_a_login_that_only_sparks_client_fails_with_is_one_sentence(text: str, kind: type, words: str) -> None:
    found = outage(Py4JError(text))
    assert type(found) is kind
    assert words in str(found)
    assert "\n" not in str(found)
