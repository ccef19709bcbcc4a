"""A process in which worlds are lived through: on one core, and without looking for garbage where there is none."""

import gc
import logging
import multiprocessing
import os

GARBAGE = 20_000
"""New objects after which Python looks for garbage; a world makes more of them than it keeps."""


def prepare() -> None:
    """Of a process that lives through worlds: it stays on one core, where its threads wake each other in half of the time, and
    does not look for garbage among its modules.
    """
    logging.disable(logging.CRITICAL)
    cores = sorted(os.sched_getaffinity(0))
    number = int(multiprocessing.current_process().name.rpartition("-")[2])
    os.sched_setaffinity(0, {cores[number % len(cores)]})
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)
