"""What Spark, delta-rs and the operating system raise when something around the job fails: a broker that died, a full disk, a
refused permission.

The type decides first. An error of the operating system has a number. Spark hands the errors of its executors on as text, and so
does delta-rs: only of theirs are the words looked at. What any other code raises is a defect, whatever its words, and
keeps its stack trace. Retrying is always safe: the next run checks the tables before it writes.
"""

import errno
import re
from collections.abc import Callable

from spark_jobs.base.errors import ConfigurationError, DayfoldError, DecisionNeeded, TryAgain

_FOREIGN = ("py4j", "pyspark", "deltalake", "_internal", "pyarrow")
"""The packages whose errors are distinguished by their words. delta-rs calls the module of its errors `_internal`."""

_FULL_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_UNWRITABLE_NUMBERS = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
}
_PASSING_NUMBERS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE}

_CAUSE = re.compile(r"(?:Caused by: |^: |\): )((?:[a-z_]+\.)+[A-Z]\w*(?:Exception|Error)(?:: [^\n]*)?)", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[\d*m")
_KAFKA = "org.apache.kafka.common.errors."
_NO_CLIENT = re.compile(
    "Failed to construct kafka consumer|Failed to create new KafkaAdminClient|org.apache.kafka.common.config.ConfigException"
)
_AWAY = re.compile(r"java\.net\.(?:Connect|NoRouteToHost|SocketTimeout|http\.Http\w*Timeout)Exception|java\.net\.SocketException")


def as_ours(error: BaseException) -> DayfoldError | None:
    """The error of our tree that ends the process, or None if `error` is a defect of ours."""
    return error if isinstance(error, DayfoldError) else outage(error)


def outage(error: BaseException) -> DayfoldError | None:
    """The error of our tree for a failure around the job, or None if this is something else.

    >>> type(outage(OSError(errno.ENOSPC, "No space left on device", "part-0.parquet"))).__name__
    'TryAgain'
    >>> str(outage(OSError("Generic LocalFileSystem error: Permission denied (os error 13)")))[:32]
    'a file or folder cannot be made:'
    >>> outage(KeyError("File exists")), outage(OSError("no such file"))
    (None, None)
    """
    if isinstance(error, OSError) and error.errno is not None:
        return _by_number(error.errno, str(error))
    if isinstance(error, OSError) or _is_foreign(error):
        return _by_words(f"{error}\n{getattr(error, 'stackTrace', '') or ''}")
    return None


def _is_foreign(error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] in _FOREIGN for kind in type(error).__mro__)


def _by_number(number: int, cause: str) -> DayfoldError | None:
    if number in _FULL_NUMBERS:
        return _full(cause)
    if number in _UNWRITABLE_NUMBERS:
        return _unwritable(cause)
    if number in _PASSING_NUMBERS:
        return TryAgain(f"the machine could not do what was asked of it: {cause}. Run again; nothing is lost")
    return None


def _by_words(text: str) -> DayfoldError | None:
    if _NO_CLIENT.search(text):
        return _no_client(text)
    cause = innermost_cause(text)
    return next((meaning(cause) for words, meaning in _MEANINGS if words.search(text)), None)


def _full(cause: str) -> DayfoldError:
    return TryAgain(f"the disk is full: {cause}. Make room, then run again; nothing is lost")


def _unwritable(cause: str) -> DayfoldError:
    return ConfigurationError(f"a file or folder cannot be made: {cause}. Make it writable, then run again; nothing is lost")


def _not_unpacked(_: str) -> DayfoldError:
    return TryAgain(
        "the disk is full, or its temporary folder allows no programs: Spark could not unpack a native library there. "
        "Make room, then run again; nothing is lost"
    )


def _no_memory(cause: str) -> DayfoldError:
    return ConfigurationError(
        f"Spark ran out of memory: {cause}. Raise spark.driver.memory (spark.executor.memory on a cluster) or lower "
        "limits.max_records_per_batch for the batches to come, then run again; nothing is lost"
    )


def _unreadable(cause: str) -> DayfoldError:
    return DecisionNeeded(f"a file of a table cannot be read: {cause}. Bring it back from a copy, then run again")


def _refused(cause: str) -> DayfoldError:
    return ConfigurationError(f"Spark's Kafka client was refused: {cause}")


def _no_client(text: str) -> DayfoldError:
    """Spark's Kafka client could not be made, or could not log in. Kafka's own last cause says more than Java's below it."""
    if _AWAY.search(text):
        return _silent(innermost_cause(text))
    kafkas = [cause for cause in _CAUSE.findall(text) if cause.startswith("org.apache.kafka.")]
    cause = kafkas[-1].rstrip(". ") if kafkas else innermost_cause(text)
    return ConfigurationError(
        f"Spark's Kafka client does not work with the Kafka properties file: {cause}. The driver's client did: correct what only "
        "Spark's reads (login, key, certificates), or give each of Spark's hosts the driver's files; nothing was averaged"
    )


def _deleted_meanwhile(_: str) -> DayfoldError:
    return TryAgain("records were deleted while Spark was reading them; the next run reports which")


def _master_gone(_: str) -> DayfoldError:
    return TryAgain(
        "Spark stopped under the job: the cluster's master does not answer, ended the application, or has another secret than "
        "_SPARK_AUTH_SECRET says. See to the master, then run again; nothing is lost"
    )


def _silent(cause: str) -> DayfoldError:
    return TryAgain(f"Kafka did not answer while Spark was reading: {cause}")


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, words)))


_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[str], DayfoldError]], ...] = (
    (_any("No space left on device", "os error 28", "Disk quota exceeded", "File too large", "os error 27"), _full),
    (_any("UnsatisfiedLinkError", "Could not initialize class org.xerial.snappy"), _not_unpacked),
    (
        _any(
            "Permission denied",
            "Operation not permitted",
            "Read-only file system",
            "Not a directory",
            "File exists",
            "Mkdirs failed",
        ),
        _unwritable,
    ),
    (_any("java.lang.OutOfMemoryError"), _no_memory),
    (_any("FAILED_READ_FILE", "PATH_NOT_FOUND", "Parquet error", "Object at location"), _unreadable),
    (re.compile(rf"{re.escape(_KAFKA)}(?:\w*Authorization|\w*Authentication|Ssl\w*|\w*Config)\w*Exception"), _refused),
    (_any("Some data may have been lost", "OffsetOutOfRange"), _deleted_meanwhile),
    (_any("on a stopped SparkContext", "SparkContext was shut down", "SparkContext has been shutdown"), _master_gone),
    (_any(_KAFKA, "Cannot fetch record for offset", "java.util.concurrent.TimeoutException"), _silent),
)
"""What the words of Spark's and delta-rs's errors mean, in the order in which they are looked for."""


def innermost_cause(text: str) -> str:
    """Class and message of the last cause in a Java stack trace, the last two of delta-rs's tree, or a text's first line.

    >>> innermost_cause("o1.save\\n: a.b.JobException: aborted\\nCaused by: c.d.NetException: gone\\n\\tat x")
    'c.d.NetException: gone'
    >>> innermost_cause("store error\\n  \u21b3 walking\\n   \u21b3 at /lake/p\\n    \u21b3 refused")
    'at /lake/p: refused'
    >>> innermost_cause("/lake/p/a.parquet not found\\n  \u21b3 No such file")
    '/lake/p/a.parquet not found: No such file'
    """
    causes = _CAUSE.findall(text)
    if causes:
        return str(causes[-1]).rstrip(". ")
    root, *others = _COLOUR.sub("", text).strip().splitlines() or [""]
    tree = [line.rpartition("\u21b3")[2] for line in others if "\u21b3" in line]
    return ": ".join(branch.strip() for branch in [root, *tree][-2:] if branch).rstrip(". ")
