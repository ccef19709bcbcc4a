"""What an unclean election or a lost disk does to a partition:
its log ends earlier, and other records take the offsets that were used.
"""

import struct
from pathlib import Path

from spark_jobs.access.embedded import DATA

_HEAD = struct.Struct(">qi")
"""Each batch of a segment begins with its first offset and the length of what follows."""


def cut_log(broker: Path, topic: str, partition: int, end: int) -> None:
    """Take the records from `end` on out of a partition of a broker that is stopped,
    so that its next start recovers what is left.
    """
    data = broker / DATA
    (segment,) = (data / f"{topic}-{partition}").glob("*.log")
    content, place = segment.read_bytes(), 0
    while place < len(content):
        first, length = _HEAD.unpack_from(content, place)
        if first >= end:
            break
        place += _HEAD.size + length
    segment.write_bytes(content[:place])
    for derived in ("*.index", "*.timeindex", "*.txnindex", "*.snapshot"):
        for one in segment.parent.glob(derived):
            one.unlink()
    # Without these the broker trusts no end that it remembers.
    for name in (".kafka_cleanshutdown", "recovery-point-offset-checkpoint", "replication-offset-checkpoint"):
        (data / name).unlink(missing_ok=True)
