"""Whether a location carries a login: such a text would be printed, logged and shown in `ps`, so no setting takes one.

A location is refused by what kind of thing is in it, never with the thing itself. Knows no setting and no client.
"""

import re
from urllib.parse import unquote

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/+([^/?#]*)")
_CONTAINER_SCHEMES = re.compile("(?i)(abfs|wasb)s?")
"""Azure writes the container before the `@`: `abfss://container@account.dfs.core.windows.net/`."""
_SECRET_PARAMETER = re.compile(
    r"(?i)[?&;#](?:[^=&;]*(?:secret|passw|token|credential|signature|access[_-]?key|account[_-]?key|api[_-]?key)[^=&;]*|sig|key|pwd)="
)


def login_in(location: str) -> str | None:
    """What kind of login a location carries, none if it has none.

    >>> login_in("s3a://key:secret@bucket/lake"), login_in("https://account/lake?sv=1&sig=abc")
    ('a login before the @', 'a token after the ?')
    >>> login_in("abfss://lake@account.dfs.core.windows.net/x"), login_in("s3://bucket/a@b"), login_in("/data/a?b=c")
    (None, None, None)
    """
    for text in (location, unquote(location)):
        begins = _SCHEME.match(text)
        if begins:
            user, at, _ = begins[2].rpartition("@")
            if at and not (_CONTAINER_SCHEMES.fullmatch(begins[1]) and ":" not in user):
                return "a login before the @"
            if _SECRET_PARAMETER.search(text):
                return "a token after the ?"
    return None
