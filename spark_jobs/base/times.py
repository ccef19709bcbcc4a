"""How an instant and an age are printed."""

from datetime import datetime, timedelta


def in_utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"


def age_text(age: timedelta) -> str:
    """
    >>> age_text(timedelta(seconds=50)), age_text(timedelta(minutes=17)), age_text(timedelta(days=3))
    ('50 s', '17 min', '72 h')
    """
    seconds = max(0, int(age.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
