"""Searches the model of the protocol up to a bound: `python -m tests.model --batches 3 --fences 5 --harm 2 --most 20000000`."""

import argparse
import sys
import time
from functools import partial

from tests.model.protocol import Bound, Rules, beginning, broken, following
from tests.model.search import search


def main(arguments: list[str]) -> int:
    """Exit code 1 if a state is reached that must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    for name in ("batches", "fences", "harm", "most"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asked = parser.parse_args(arguments)
    bound, began = Bound(asked.batches, asked.fences, asked.harm), time.monotonic()
    found = search(beginning(bound), partial(following, rules=Rules(), bound=bound), broken, asked.most)
    all_of_them = "all that there are" if found.complete else "more were not looked at"
    print(f"{found.states:,} states ({all_of_them}), {found.depth} steps deep, {time.monotonic() - began:.0f} s")
    print(*found.way, found.broken or "none of them is wrong", sep="\n")
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
