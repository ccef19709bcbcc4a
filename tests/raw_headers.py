"""A record whose header names are bytes, as producers in other languages can send them; the Python client takes text alone."""

import ctypes
from collections.abc import Sequence
from importlib.metadata import files
from typing import Any

PRODUCER, DELIVERED, WAIT_MS = 0, 0, 20_000
# Tags of `rd_kafka_producev`, from `rdkafka.h`.
END, TOPIC, PARTITION, VALUE, FLAGS, HEADER = 0, 1, 3, 4, 7, 9
COPY = 2


def produce(bootstrap: str, topic: str, value: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Write one record to partition 0, straight through the library that the Python client brings."""
    library = _library()
    error = ctypes.create_string_buffer(512)
    settings = ctypes.c_void_p(library.rd_kafka_conf_new())
    library.rd_kafka_conf_set(settings, b"bootstrap.servers", bootstrap.encode(), error, len(error))
    producer = ctypes.c_void_p(library.rd_kafka_new(PRODUCER, settings, error, len(error)))
    record = [TOPIC, topic.encode(), PARTITION, ctypes.c_int32(0), VALUE, value, ctypes.c_size_t(len(value)), FLAGS, COPY]
    for name, text in headers:
        record += [HEADER, name, text, ctypes.c_ssize_t(len(text))]
    assert library.rd_kafka_producev(producer, *record, END) == DELIVERED
    assert library.rd_kafka_flush(producer, WAIT_MS) == DELIVERED
    library.rd_kafka_destroy(producer)


def _library() -> Any:
    (place,) = (one.locate() for one in files("confluent_kafka") or [] if one.name.startswith("librdkafka") and ".so" in one.name)
    library = ctypes.CDLL(str(place))
    library.rd_kafka_conf_new.restype = library.rd_kafka_new.restype = ctypes.c_void_p
    return library
