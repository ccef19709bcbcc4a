"""The floor: the same session and the same offset range, read by Spark and thrown away. Submitted by `floor.py`."""

import json
import os
import sys

from spark_jobs.messages import read_messages
from spark_jobs.offsets import OffsetRange
from spark_jobs.session import build_session


def main(bootstrap: str, topic: str, ranges: str) -> None:
    wanted = [OffsetRange(**one) for one in json.loads(ranges)]
    spark = build_session("floor")
    read_messages(spark, topic, wanted, {"bootstrap.servers": bootstrap}).write.format("noop").mode("overwrite").save()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
