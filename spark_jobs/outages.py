"""What Spark and delta-rs raise when something around the job fails: a broker that died, a full disk, a refused permission.

Recognised by the words of the innermost cause, because Spark hands errors of its executors on as text only. What is not
recognised stays what it is, with its stack trace. Before the job's own writes come back from such a failure the next run
looks at the tables, so trying again is always safe.
"""

import re

from spark_jobs.errors import ConfigurationError, DayfoldError, DecisionNeeded, TryAgain

_CAUSE = re.compile(r"(?:Caused by: |^: |\): )((?:[a-z_]+\.)+[A-Z]\w*(?:Exception|Error)(?:: [^\n]*)?)", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[\d*m")
_KAFKA = "org.apache.kafka.common.errors."
_REFUSED = re.compile(rf"{re.escape(_KAFKA)}(?:\w*Authorization|\w*Authentication|Ssl\w*|Config)\w*Exception")
_FULL = ("No space left on device", "os error 28", "Disk quota exceeded", "File too large", "os error 27")
_UNPACKED = ("UnsatisfiedLinkError", "Could not initialize class org.xerial.snappy")
_UNWRITABLE = (
    "Permission denied",
    "Operation not permitted",
    "Read-only file system",
    "Not a directory",
    "File exists",
    "Mkdirs failed",
)
_UNREADABLE = ("FAILED_READ_FILE", "PATH_NOT_FOUND", "Parquet error", "Object at location")
_LOST = ("Some data may have been lost", "OffsetOutOfRange")
_STOPPED = ("on a stopped SparkContext", "SparkContext was shut down", "SparkContext has been shutdown")
_NOT_UNPACKED = (
    "the disk is full, or its temporary folder allows no programs: Spark could not unpack a native library there. "
    "Make room, then run again; nothing is lost"
)
_MASTER_GONE = (
    "Spark stopped under the job: the cluster's master does not answer, ended the application, or has another secret than "
    "_SPARK_AUTH_SECRET says. See to the master, then run again; nothing is lost"
)
_SILENT = (_KAFKA, "Cannot fetch record for offset", "java.util.concurrent.TimeoutException")


def outage(error: BaseException) -> DayfoldError | None:
    """The error of our tree that ends the run, or None if this is something else.

    >>> type(outage(OSError("write failed: No space left on device (os error 28)"))).__name__
    'TryAgain'
    >>> str(outage(RuntimeError("Cannot call methods on a stopped SparkContext.")))[:27]
    'Spark stopped under the job'
    >>> outage(OSError("no such file"))
    """
    text = f"{error}\n{getattr(error, 'stackTrace', '') or ''}"
    cause = innermost_cause(text)
    if any(words in text for words in _FULL):
        return TryAgain(f"the disk is full: {cause}. Make room, then run again; nothing is lost")
    if any(words in text for words in _UNPACKED):
        return TryAgain(_NOT_UNPACKED)
    if any(words in text for words in _UNWRITABLE):
        return ConfigurationError(f"a file or folder cannot be made: {cause}. Make it writable, then run again; nothing is lost")
    if any(words in text for words in _UNREADABLE):
        return DecisionNeeded(f"a file of a table cannot be read: {cause}. Bring it back from a copy, then run again")
    if _REFUSED.search(text):
        return ConfigurationError(f"Spark's Kafka client was refused: {cause}")
    if any(words in text for words in _LOST):
        return TryAgain("records were deleted while Spark was reading them; the next run will tell which")
    if any(words in text for words in _STOPPED):
        return TryAgain(_MASTER_GONE)
    if any(words in text for words in _SILENT):
        return TryAgain(f"Kafka did not answer while Spark was reading: {cause}")
    return None


def innermost_cause(text: str) -> str:
    """Class and message of the last cause in a Java stack trace, the last two of delta-rs's tree, or a text's first line.

    >>> innermost_cause("o1.save\\n: a.b.JobException: aborted\\nCaused by: c.d.NetException: gone\\n\\tat x")
    'c.d.NetException: gone'
    >>> innermost_cause("store error\\n  \u21b3 walking\\n   \u21b3 at /lake/p\\n    \u21b3 refused")
    'at /lake/p: refused'
    """
    causes = _CAUSE.findall(text)
    if causes:
        return str(causes[-1]).rstrip(". ")
    tree = [line.rpartition("\u21b3")[2] for line in _COLOUR.sub("", text).splitlines() if "\u21b3" in line]
    shown = ": ".join(branch.strip() for branch in tree[-2:]) or text.strip().partition("\n")[0]
    return shown.rstrip(". ")
