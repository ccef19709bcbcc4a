"""Texts as somebody else may have written them, and a look for what a terminal would not show as a character."""

import re

NASTY = {
    "closing tag": "evil[/y]",
    "opening tag": "[red]evil",
    "link": "[link=file:///]evil[/link]",
    "emoji": ":bomb:",
    "line end": "evil\n12:00:00 done     batch 7",
    "carriage return": "evil\rgood",
    "colour": "\x1b[31mevil\x1b[0m",
    "clear screen": "\x1b[2J\x9b2J",
    "title of the terminal": "\x1b]0;evil\x07",
    "backspaces": "evil\b\b\b\bgood",
    "turned around": "good\u202elive\u2066",
    "not seen": "go\u200bod\u00ad\ufeff",
    "line separator": "evil\u2028\u2029\x85\x0bgood",
    "half a character": "evil\ud83d",
    "tab and nothing": "\t\x00",
}

_HIDDEN = re.compile(r"[^\n\x20-\x7e\xa1-\xac\xae-\xff─]")
"""What nothing here prints by itself: control characters, and those that a terminal does not show."""


def hidden_in(shown: str) -> list[str]:
    return _HIDDEN.findall(shown)
