"""Where groups go. The numbers of murmur2 are those that Kafka's own tests hold its Java code to (`UtilsTest`)."""

from datetime import date
from typing import Any

import pytest

from spark_jobs.aggregates.messages import group_key, murmur2


@pytest.mark.parametrize(
    ("key", "number"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_kafkas_java_clients(key: bytes, number: int) -> None:
    assert murmur2(key) == number % 2**32


@pytest.mark.parametrize(
    ("dimensions", "key"),
    [
        (["caf\u00e9"], "caf\u00e9".encode()),
        ([True], b"true"),
        ([-5], b"-5"),
        ([date(2026, 3, 1)], b"2026-03-01"),
        ([b"\x00\xff"], b"\x00\xff"),
        ([None], b"[null]"),
        ([""], b""),
        (["a", 1, None, False, date(2026, 3, 1), b"\xff"], b'["a",1,null,false,"2026-03-01","ff"]'),
        (['a"\n\x00', "b"], b'["a\\"\\n\\u0000","b"]'),
        ([], b"[]"),
    ],
)
def test_a_group_is_placed_by_its_dimensions(dimensions: list[Any], key: bytes) -> None:
    assert group_key(dimensions) == key
