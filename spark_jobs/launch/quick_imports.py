"""Imports that make a process start late, without what they need for others only.

pyarrow imports pandas, if it is there, as soon as its datasets are imported: a second, half of the start of a process of ours,
none of which makes a data frame.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder


def import_pyarrow() -> None:
    """Import pyarrow so that it finds no pandas, now or later; others can still import pandas.
    To be called before anything imports it.
    """
    with _hidden("pandas"):
        import pyarrow.dataset  # noqa: F401


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    class Hidden(MetaPathFinder):
        def find_spec(self, asked: str, *_: object) -> None:
            if asked == name:
                raise ModuleNotFoundError(f"{name} is left out", name=name)

    finder = Hidden()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
