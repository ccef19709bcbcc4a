"""Messages made by chance: most of them nearly a reading."""

import json
import random
from datetime import datetime, timedelta


def random_number(chance: random.Random) -> str:
    whole = "".join(chance.choices("0123456789", k=chance.choice([1, 1, 3, 3, 6, 11, 12, 13, 20])))
    fraction = "." + "".join(chance.choices("0459", k=chance.choice([1, 2, 6, 7, 8, 14, 40]))) if chance.random() < 0.7 else ""
    exponent = (
        chance.choice("eE") + chance.choice(["", "+", "-"]) + str(chance.choice([0, 1, 5, 7, 12, 30, 400]))
        if chance.random() < 0.3
        else ""
    )
    number = chance.choice(["", "", "-"]) + (whole.lstrip("0") or "0" if chance.random() < 0.95 else whole) + fraction + exponent
    return json.dumps(number) if chance.random() < 0.2 else number


def random_message(chance: random.Random) -> bytes:
    """A third is plain, a tenth of all has broken bytes, nearly half has characters too many, too few or wrong ones."""
    moment = datetime(1969, 6, 1) + timedelta(minutes=chance.randrange(61 * 365 * 24 * 60))
    fields = [f'"{moment:%d/%m/%Y %H:%M:%S}"', random_number(chance)]
    if chance.random() < 1 / 3:
        comma, colon = chance.choice([(",", ":"), (", ", ": ")])
        text = f'{{"datetime"{colon}{fields[0]}{comma}"voltage"{colon}{fields[1]}}}'
    else:
        text = random_object(chance, *fields)
    for _ in range(chance.choice([0, 0, 0, 1, 2])):
        place = chance.randrange(len(text))
        text = text[:place] + chance.choice(["", "", *'"{}[]:,0159-+.eE \\\n\tx/']) + text[place + chance.randrange(2) :]
    message = text.encode()
    place = chance.randrange(len(message))
    return message if chance.random() < 0.9 else message[:place] + bytes([chance.randrange(128, 256)]) + message[place + 1 :]


def random_object(chance: random.Random, time: str, number: str) -> str:
    members = [f'"datetime":{chance.choice(["", " "])}{time}', f'"voltage":{chance.choice(["", " "])}{number}']
    extras = [
        '"id": 5',
        '"name": "x{y}"',
        '"in": {"voltage": 2}',
        '"list": [1, "2", -3.5e-7]',
        '"t": "\\u00e9\\n"',
        '"e": "\u00e9"',
        '"id": null',
    ]
    members += chance.sample(extras, chance.choice([0, 0, 1, 2]))
    chance.shuffle(members)
    return "{" + chance.choice([",", ", ", " ,\n"]).join(members) + "}"
