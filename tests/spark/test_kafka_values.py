"""The Java client's own opinion of the values that it is given, asked without a broker."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_jobs.access.keys import JAVA_NAMES
from spark_jobs.access.values import NUMBERS, TRUTHS, WORDS
from tests.properties_folder import Folder

SERVERS = "[::1]:9092,a_b.example.org.:1,[fe80::1%eth0]:65535, PLAINTEXT://one:9092,"


@pytest.mark.thorough
@pytest.mark.proves("F171")
def test_the_java_client_takes_every_value_that_is_let_through(spark: SparkSession, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    lines = [f"{key}={value}" for key in NUMBERS.keys() & JAVA_NAMES.keys() for value in NUMBERS[key]]
    lines += [f"check.crcs={one}" for one in TRUTHS] + [f"client.dns.lookup={one}" for one in WORDS["client.dns.lookup"]]
    lines += ["client.id=a b\u00e9", "client.rack=x", "sasl.oauthbearer.sub.claim.name=y"]
    jvm = spark._jvm
    assert jvm is not None
    for line in lines:
        others = {
            "reconnect.backoff.ms=3600000": ("reconnect.backoff.max.ms=3600000",),
            "fetch.max.bytes=0": ("message.max.bytes=0",),
        }
        others["reconnect.backoff.max.ms=0"] = ("reconnect.backoff.ms=0",)
        settings = folder.java(line, *others.get(line, ()))
        properties = jvm.java.util.Properties()
        deserializer = "org.apache.kafka.common.serialization.ByteArrayDeserializer"
        for key, value in (settings | {"key.deserializer": deserializer, "value.deserializer": deserializer}).items():
            properties.setProperty(key, value)
        # Raises what a consumer would raise when it is made.
        jvm.org.apache.kafka.clients.consumer.ConsumerConfig(properties)
    addresses = folder.load(servers=SERVERS).java(folder.secrets)["bootstrap.servers"].split(",")
    hosts = [jvm.org.apache.kafka.common.utils.Utils.getHost(one) for one in addresses]
    assert hosts == ["::1", "a_b.example.org.", "fe80::1%eth0", "one"]
    assert [jvm.org.apache.kafka.common.utils.Utils.getPort(one) for one in addresses] == [9092, 1, 65535, 9092]
