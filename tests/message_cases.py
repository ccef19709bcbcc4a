"""Messages, and what a person would say that each of them is: a reading, or rejected and why."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from spark_jobs.readings.judging import MessageVerdict

NONCE = "5f0c1e2d3b4a"
BEFORE_1970, FROM_1980 = datetime(1900, 1, 1, tzinfo=UTC), datetime(1980, 1, 1, tzinfo=UTC)

Expected = tuple[str | None, ...]
"""(UTC time, date, value, number it was rounded from) of a reading, (reason,) of a rejected message."""


def voltage(number: str) -> bytes:
    return f'{{"datetime": "23/12/2006 16:52:00", "voltage": {number}}}'.encode()


def compact(message: bytes) -> bytes:
    """The same without the blanks that `json.dumps` writes."""
    return message.replace(b'": ', b'":').replace(b', "', b',"')


def at(time: str) -> bytes:
    return f'{{"datetime": {time}, "voltage": 1}}'.encode()


def volts(value: str, rounded_from: str | None = None) -> Expected:
    return ("2006-12-23 16:52:00", "2006-12-23", value, rounded_from)


def one_volt_at(instant: str, day: str | None = None) -> Expected:
    return (instant, day or instant[:10], "1", None)


def plain(value: Decimal) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"


NUMBERS: dict[str, Expected] = {
    "239.94": volts("239.94"),
    "0": volts("0"),
    "-0": volts("0"),
    "0.000001": volts("0.000001"),
    "-12.5": volts("-12.5"),
    "007": ("NOT_JSON",),
    "1.": ("NOT_JSON",),
    ".5": ("NOT_JSON",),
    "-": ("NOT_JSON",),
    "+1": ("NOT_JSON",),
    "0x10": ("NOT_JSON",),
    "1_000": ("NOT_JSON",),
    "1 2": ("NOT_JSON",),
    "239,94": ("NOT_JSON",),
    "1e": ("NOT_JSON",),
    "1.5f": ("NOT_JSON",),
    "NaN": ("NOT_JSON",),
    "Infinity": ("NOT_JSON",),
    "-Infinity": ("NOT_JSON",),
    '"NaN"': ("NOT_FINITE",),
    '"-inf"': ("NOT_FINITE",),
    '"Infinity"': ("NOT_FINITE",),
    '"239.94"': volts("239.94"),
    '"1e3"': volts("1000"),
    '"\\u0032\\u0033.5"': volts("23.5"),
    '"007"': ("BAD_NUMBER",),
    '"12,5"': ("BAD_NUMBER",),
    '"1,250.5"': ("BAD_NUMBER",),
    '" 1"': ("BAD_NUMBER",),
    '"1 "': ("BAD_NUMBER",),
    '"1\\n"': ("BAD_NUMBER",),
    '"+1"': ("BAD_NUMBER",),
    '"0x10"': ("BAD_NUMBER",),
    '"1d"': ("BAD_NUMBER",),
    '""': ("BAD_NUMBER",),
    '"."': ("BAD_NUMBER",),
    '"\u0662\u0663"': ("BAD_NUMBER",),
    '"\uff11"': ("BAD_NUMBER",),
    "\u0662": ("NOT_JSON",),
    "true": ("BAD_NUMBER",),
    "[1]": ("BAD_NUMBER",),
    '{"voltage": 1}': ("BAD_NUMBER",),
    "null": ("NO_VALUE",),
    "1e-05": volts("0.00001"),
    "1E+2": volts("100"),
    "123e-2": volts("1.23"),
    "0.00012e4": volts("1.2"),
    "0e999": volts("0"),
    "-0.0e-5000": volts("0"),
    "1e-400": volts("0", "1e-400"),
    "1e-99999999999999999999": volts("0", "1e-99999999999999999999"),
    "1e400": ("NUMBER_OUT_OF_RANGE",),
    "1e99999999999999999999": ("NUMBER_OUT_OF_RANGE",),
    "239.94000000000003": volts("239.94", "239.94000000000003"),
    "239.9400000000000000": volts("239.94"),
    "0.0000005": volts("0.000001", "0.0000005"),
    "-0.0000005": volts("-0.000001", "-0.0000005"),
    "0.00000049999999999999999999999999999999999999999": volts("0", "0.00000049999999999999999999999999999999999999999"),
    "5e-7": volts("0.000001", "5e-7"),
    "4.9e-7": volts("0", "4.9e-7"),
    "1.0000005": volts("1.000001", "1.0000005"),
    "1.0000015": volts("1.000002", "1.0000015"),
    "0.9999999": volts("1", "0.9999999"),
    '"0.9999999"': volts("1", '0.9999999'),
    "999999999999.999999": volts("999999999999.999999"),
    "-999999999999.999999": volts("-999999999999.999999"),
    "999999999999.9999994": volts("999999999999.999999", "999999999999.9999994"),
    "999999999999.9999995": ("NUMBER_OUT_OF_RANGE",),
    "1000000000000": ("NUMBER_OUT_OF_RANGE",),
    "9" * 45: ("NUMBER_OUT_OF_RANGE",),
    "1." + "1" * 45: volts("1.111111", "1." + "1" * 45),
    "1." + "0" * 60 + "1": volts("1", "1." + "0" * 60 + "1"),
    "1" + "0" * 2000 + "e-2000": volts("1"),
    "0." + "0" * 1999 + "5e2000": volts("5"),
    "9007199254740993e-6": volts("9007199254.740993"),
}  # fmt: skip


TIMES: dict[str, Expected] = {
    '"23/12/2006 16:52:00"': one_volt_at("2006-12-23 16:52:00"),
    '"29/02/2008 23:59:59"': one_volt_at("2008-02-29 23:59:59"),
    '"01/01/1970 00:00:00"': one_volt_at("1970-01-01 00:00:00"),
    '"01/01/2030 00:00:00"': one_volt_at("2030-01-01 00:00:00"),
    '"23\\/12\\/2006 16:52:00"': one_volt_at("2006-12-23 16:52:00"),
    '"31/12/1969 23:59:59"': ("TIME_OUT_OF_RANGE",),
    '"01/01/2030 00:00:01"': ("TIME_OUT_OF_RANGE",),
    '"01/01/9999 00:00:00"': ("TIME_OUT_OF_RANGE",),
    '"01/01/0001 00:00:00"': ("TIME_OUT_OF_RANGE",),
    '"01/01/0000 00:00:00"': ("TIME_OUT_OF_RANGE",),
    '"29/02/2007 00:00:00"': ("BAD_TIME",),
    '"31/04/2006 00:00:00"': ("BAD_TIME",),
    '"00/12/2006 00:00:00"': ("BAD_TIME",),
    '"12/13/2006 00:00:00"': ("BAD_TIME",),
    '"23/12/2006 24:00:00"': ("BAD_TIME",),
    '"23/12/2006 16:60:00"': ("BAD_TIME",),
    '"23/12/2006 16:52:60"': ("BAD_TIME",),
    '"3/12/2006 16:52:00"': ("BAD_TIME",),
    '"23/12/06 16:52:00"': ("BAD_TIME",),
    '"23/12/12006 16:52:00"': ("BAD_TIME",),
    '"23/12/-2006 16:52:00"': ("BAD_TIME",),
    '"23/12/2006 16:52"': ("BAD_TIME",),
    '"23/12/2006  16:52:00"': ("BAD_TIME",),
    '" 23/12/2006 16:52:00"': ("BAD_TIME",),
    '"23/12/2006 16:52:00 "': ("BAD_TIME",),
    '"23/12/2006 16:52:00\\n"': ("BAD_TIME",),
    '"23/12/2006 16:52:00Z"': ("BAD_TIME",),
    '"23/12/2006T16:52:00"': ("BAD_TIME",),
    '"2006-12-23 16:52:00"': ("BAD_TIME",),
    '"\u0662\u0663/12/2006 16:52:00"': ("BAD_TIME",),
    '""': ("BAD_TIME",),
    "1166892720": ("BAD_TIME",),
    "true": ("BAD_TIME",),
    "[]": ("BAD_TIME",),
    "{}": ("BAD_TIME",),
    "null": ("NO_TIME",),
}  # fmt: skip


GOOD = '"datetime": "23/12/2006 16:52:00", "voltage": 1'
DEEP = 2000
PRINTABLE = "".join(character for character in map(chr, range(ord(" "), ord("~") + 1)) if character not in '"\\')
MESSAGES: dict[bytes | None, Expected] = {
    None: ("TOMBSTONE",),
    b"": ("EMPTY",),
    b" \t\r\n": ("EMPTY",),
    b"\x00": ("NOT_JSON",),
    b"\xc2\xa0": ("NOT_JSON",),
    b"null": ("NOT_AN_OBJECT",),
    b"5": ("NOT_AN_OBJECT",),
    b'"text"': ("NOT_AN_OBJECT",),
    b"[]": ("NOT_AN_OBJECT",),
    f"[{{{GOOD}}}]".encode(): ("NOT_AN_OBJECT",),
    b"{}": ("NO_TIME",),
    b'{"datetime": "23/12/2006 16:52:00"}': ("NO_VALUE",),
    b'{"voltage": 1}': ("NO_TIME",),
    b'{"Datetime": "23/12/2006 16:52:00", "Voltage": 1}': ("NO_TIME",),
    b'{"reading": {"datetime": "23/12/2006 16:52:00", "voltage": 1}}': ("NO_TIME",),
    f"{{{GOOD}}}".encode(): volts("1"),
    f"\r\n\t {{ {GOOD}\n}} \n".encode(): volts("1"),
    b'{"datetime":"23/12/2006 16:52:00","voltage":1}': volts("1"),
    b'{"voltage": 1, "datetime": "23/12/2006 16:52:00"}': volts("1"),
    b'{"\\u0076oltage": 1, "\\u0064atetime": "23/12/2006 16:52:00"}': volts("1"),
    f'{{"id": 7, "ok": true, "note": null, {GOOD}, "unit": "V", "x": -1.5e9}}'.encode(): volts("1"),
    f'{{"id": "datetime", {GOOD}, "unit": "voltage"}}'.encode(): volts("1"),
    f'{{"voltages": 2, {GOOD}, "": 3}}'.encode(): volts("1"),
    f'{{"unit": "a, \\"voltage\\": 5", {GOOD}}}'.encode(): volts("1"),
    f'{{"unit": "m\u00fcV", {GOOD}}}'.encode(): volts("1"),
    f'{{"before": {{"voltage": 2, "datetime": 3}}, {GOOD}, "after": [{{"voltage": 4}}]}}'.encode(): volts("1"),
    ("{" + "".join(f'"f{i}": {i}, ' for i in range(40)) + GOOD + "}").encode(): volts("1"),
    ("{" + "".join(f'"f{i}": {i}, ' for i in range(40)) + '"f0": 0, ' + GOOD + "}").encode(): ("DUPLICATE_KEY",),
    ('{"pad": "' + "\\n" * 400_000 + '", ' + GOOD + "}").encode(): volts("1"),
    ('{"pad": [' + "1, " * 100_000 + '0], ' + GOOD + "}").encode(): volts("1"),
    ('{"deep": ' + "[" * DEEP + "]" * DEEP + ", " + GOOD + "}").encode(): ("NOT_JSON",),
    f'{{{GOOD}, "voltage": 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "v\\u006fltage": 2}}'.encode(): ("DUPLICATE_KEY",),
    f'{{"datetime": 0, {GOOD}}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "a": "b", "a" : 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "{PRINTABLE}": 1, "b": 2, "{PRINTABLE}": 3}}'.encode(): ("DUPLICATE_KEY",),
    f'{{"{PRINTABLE}": 1, {GOOD}, "b": "{PRINTABLE}"}}'.encode(): volts("1"),
    f'{{"{"k" * 50_000}": 1, {GOOD}}}'.encode(): volts("1"),
    f'{{"{"k" * 50_001}": 1, {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{{GOOD}, "long": {"1" * 1_200}, "note": "{"n" * 300_000}"}}'.encode(): volts("1"),
    f'{{{GOOD}, "long": {"1" * 1_200}, "long": 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "{"k" * 50_000}": 1, "{"k" * 50_000}": 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{"id": 1, {GOOD}, "id": 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{"id": 1, "id": 1, {GOOD}}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "id": 1, "\\u0069d": 1}}'.encode(): ("DUPLICATE_KEY",),
    f'{{{GOOD}, "in": {{"id": 1, "id": 2}}}}'.encode(): ("DUPLICATE_KEY",),
    f"{{{GOOD}}} x".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}{{{GOOD}}}".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}\n{{{GOOD}}}\n".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}, {{{GOOD}}}".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}, 5".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}]".encode(): ("TRAILING_DATA",),
    f'{{{GOOD}}}, "{NONCE[:-1]}"]'.encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}\0".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}\x0c".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}}}\u2028".encode(): ("TRAILING_DATA",),
    f"{{{GOOD}".encode(): ("NOT_JSON",),
    f"{{{GOOD}, }}".encode(): ("NOT_JSON",),
    f"{{{GOOD}; }}".encode(): ("NOT_JSON",),
    f"{{{GOOD} /* volts */}}".encode(): ("NOT_JSON",),
    f"{{{GOOD}, id: 1}}".encode(): ("NOT_JSON",),
    f"{{{GOOD}, 5: 1}}".encode(): ("NOT_JSON",),
    f"{{{GOOD}, 5}}".encode(): ("NOT_JSON",),
    f"{{{GOOD}, -: 1}}".encode(): ("NOT_JSON",),
    f"\x0b{{{GOOD}}}".encode(): ("NOT_JSON",),
    f"\ufeff{{{GOOD}}}".encode(): ("NOT_JSON",),
    f"x{{{GOOD}}}".encode(): ("NOT_JSON",),
    f"]{{{GOOD}}}".encode(): ("NOT_JSON",),
    f'{{"tab": "\t", {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{"nul": "\0", {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{"bad": "\\x", {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{"half": "\\ud800", {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{"yes": True, {GOOD}}}'.encode(): ("NOT_JSON",),
    f'{{"id": 01, {GOOD}}}'.encode(): ("NOT_JSON",),
    b"{'datetime': '23/12/2006 16:52:00', 'voltage': 1}": ("NOT_JSON",),
    b'{"datetime": "23/12/2006 16:52:00" "voltage": 1}': ("NOT_JSON",),
    b'{"datetime"= "23/12/2006 16:52:00", "voltage": 1}': ("NOT_JSON",),
    f"{{{GOOD}}}".encode("utf-16"): ("NOT_UTF8",),
    f"{{{GOOD}}}".encode("utf-16-le"): ("NOT_JSON",),
    f'{{"unit": "m\u00fcV", {GOOD}}}'.encode("latin-1"): ("NOT_UTF8",),
    b'{"x": "\xed\xa0\x80", ' + GOOD.encode() + b"}": ("NOT_UTF8",),
    b'{"x": "\xc0\x80", ' + GOOD.encode() + b"}": ("NOT_UTF8",),
    f"{{{GOOD}}}".encode() + b"\xff": ("NOT_UTF8",),
    b"\x00\x00\x00\x00\x07Hvoltage": ("NOT_JSON",),
    b"<reading/>": ("NOT_JSON",),
    b"23/12/2006;16:52:00;239.94": ("NOT_JSON",),
}  # fmt: skip


ISO: dict[str, Expected] = {
    "2006-12-23T23:30:00Z": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
    "2006-12-23T23:30Z": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
    "2006-12-23T23:30": one_volt_at("2006-12-23 22:30:00"),
    "2006-12-23T23:30+02": one_volt_at("2006-12-23 21:30:00"),
    "2006-12-23t23:30:00z": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
    "2006-12-23 23:30:00": one_volt_at("2006-12-23 22:30:00"),
    "2006-12-23 23:30:00,123": one_volt_at("2006-12-23 22:30:00.123"),
    "2006-12-23 23:30:00.5+02": one_volt_at("2006-12-23 21:30:00.5"),
    "2006-12-23T23:30:00+0200": one_volt_at("2006-12-23 21:30:00"),
    "2006-12-23T23:30:00.1+02:00": one_volt_at("2006-12-23 21:30:00.1"),
    "2006-12-23T20:00:00-03:30": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
    "2006-12-23T23:30:00-00:00": one_volt_at("2006-12-23 23:30:00", "2006-12-24"),
    "2006-12-23T22:59:59.9999999Z": one_volt_at("2006-12-23 22:59:59.999999"),
    "2006-12-23T22:59:59." + "9" * 60 + "Z": one_volt_at("2006-12-23 22:59:59.999999"),
    "1969-12-31T23:59:59.9999999Z": ("TIME_OUT_OF_RANGE",),
    "2006-03-26T02:30:00": ("NONEXISTENT_TIME",),
    "2006-03-26T02:30:00+02:00": one_volt_at("2006-03-26 00:30:00"),
    "2006-10-29T02:30:00": one_volt_at("2006-10-29 00:30:00"),
    "2006-10-29T02:30:00+01:00": one_volt_at("2006-10-29 01:30:00"),
    "2006-02-29T12:00:00Z": ("BAD_TIME",),
    "2006-12-23T24:00:00Z": ("BAD_TIME",),
    "2006-12-23T23:59:60Z": ("BAD_TIME",),
    "2006-12-23T23:30:00+18:30": ("BAD_TIME",),
    "2006-12-23T23:30:00+2": ("BAD_TIME",),
    "2006-12-23T23:30:00.Z": ("BAD_TIME",),
    "2006-12-23": ("BAD_TIME",),
    "20061223T233000Z": ("BAD_TIME",),
    "2006-12-23T23:30:00Z ": ("BAD_TIME",),
    "1166916600": ("BAD_TIME",),
    "0000-01-01T00:00:00Z": ("TIME_OUT_OF_RANGE",),
}


def in_every_form(text: str) -> list[bytes]:
    """Plain without and with blanks, in the usual form, and for the JSON parser: each is cut or parsed in a way of its own."""
    message = at(json.dumps(text))
    return [message, compact(message), message.replace(b"{", b'{"id": 1, '), message.replace(b"}", b', "x": []}')]


def shown(verdict: MessageVerdict) -> Expected:
    """As the cases show what Spark makes of a message."""
    if verdict.reason is not None:
        return (str(verdict.reason),)
    assert verdict.event_time is not None
    assert verdict.value is not None
    moment = f"{verdict.event_time:%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".")
    return (moment, str(verdict.day), plain(verdict.value), verdict.rounded_from)
