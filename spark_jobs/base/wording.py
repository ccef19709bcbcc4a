"""How a text of somebody else is printed, and a number with its noun.

Whatever a producer, a user or a broker wrote (run ids, names, messages, errors) is text and nothing else: no markup, no colour,
no line of its own. Knows no terminal and no log; JSON needs none of this, it escapes by itself.
"""

import re


def printable(text: object) -> str:
    r"""One line in which every character can be seen; the others are escaped as Python escapes them.

    What moves the cursor, colours, hides or turns text around is among those: control characters, line ends, marks of direction.

    >>> printable("night\n12:00:00 done"), printable("\x1b[31mred"), printable("a\u202eb"), printable("50 °C [/y]")
    ('night\\n12:00:00 done', '\\x1b[31mred', 'a\\u202eb', '50 °C [/y]')
    """
    line = str(text)
    if line.isprintable():
        return line
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)


def printable_lines(text: object) -> str:
    r"""The same of a text of several lines, as our longer sentences are. No line but the first begins at the margin, so that none
    can be taken for another message.

    >>> printable_lines("gone:\npartition 3\n  offset 7\n")
    'gone:\n  partition 3\n  offset 7'
    """
    first, *others = (printable(line) for line in re.split(r"\r?\n", str(text).rstrip("\r\n")))
    return "\n".join([first, *(line if not line or line.startswith(" ") else f"  {line}" for line in others)])


def excerpt(raw: bytes, most: int) -> str:
    r"""The first bytes of a message, in at most so many characters and a mark that there are more.

    >>> excerpt(b'{"a": 1}', 8), excerpt(b"\xff\x00abc", 3), excerpt("12 °C".encode()[:4], 9)
    ('{"a": 1}', '\\xf ...', '12 \\xc2')
    """
    text = printable(raw.decode(errors="backslashreplace"))
    return text if len(text) <= most else f"{text[:most]} ..."


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "batch"), counted(0, "batch"), counted(2_075_259, "record"), counted(2, "loss")
    ('1 batch', '0 batches', '2,075,259 records', '2 losses')
    """
    return f"{count:,} {noun if count == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """
    >>> plural("offset"), plural("batch")
    ('offsets', 'batches')
    """
    return f"{noun}es" if noun.endswith(("ch", "s")) else f"{noun}s"


def headed(name: str, unit: str | None) -> str:
    """What stands at an axis or over a column of values.

    >>> headed("voltage", "V"), headed("voltage", None)
    ('voltage (V)', 'voltage')
    """
    return f"{name} ({unit})" if unit else name


def measured(number: object, unit: str | None) -> str:
    """A value in words.

    >>> measured("240.84", "V"), measured("240.84", None)
    ('240.84 V', '240.84')
    """
    return f"{number} {unit}" if unit else f"{number}"
