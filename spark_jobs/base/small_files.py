"""Reading a file that a user wrote: a small UTF-8 text in a regular file, or one sentence that says what else it is.

A path may name anything: a folder, a pipe that never ends, a disk image. None of them may hang a run or end it in a stack trace.
Knows no format.
"""

from pathlib import Path

from spark_jobs.base.errors import ConfigurationError

LARGEST = 1_000_000
"""Bytes; certificates in one line are the longest that anybody writes into such files."""


def read_small_text(path: Path, what: str, largest: int = LARGEST) -> str:
    """The text of a file, without a byte order mark; `what` it should be is named where it cannot be read."""
    try:
        # Asked for first: opening a pipe waits for somebody who writes into it.
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "no regular file"
            raise ConfigurationError(f"cannot read the {what} {path}: it is {kind}")
        if (size := path.stat().st_size) > largest:
            raise ConfigurationError(f"{path} has {size} bytes, too many for a {what} (at most {largest})")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"cannot read the {what} {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the {what} {path} is not UTF-8 text (byte {error.start})") from error
    except ValueError as error:
        raise ConfigurationError(f"cannot read the {what} {str(path)!r}: {error}") from error


def home_expanded(path: str | Path) -> Path:
    """The path with `~` replaced by a home folder; `ConfigurationError` if there is none of that name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigurationError(f"{path}: there is no such home folder; write the whole path") from None
