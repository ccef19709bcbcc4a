"""When a session is begun aside, and that a wrong guess costs nothing but time."""

import threading
from contextlib import suppress
from typing import Any, cast

import pytest

from spark_jobs.base.errors import TryAgain
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.run import early_session as module
from spark_jobs.run.early_session import early_session

PIPELINE = cast(Pipeline, None)


class Maker:
    """Makes sessions, and knows in which threads."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.threads: list[str] = []

    def __call__(self) -> Any:
        self.threads.append(threading.current_thread().name)
        if self.errors:
            raise self.errors.pop(0)
        return f"session {len(self.threads)}"


def set_lag(monkeypatch: pytest.MonkeyPatch, lag: int | Exception) -> None:
    def found(*_: object) -> int:
        if isinstance(lag, Exception):
            raise lag
        return lag

    monkeypatch.setattr(module, "find_lag", found)


def test_a_session_is_made_once_and_aside_where_there_is_something_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    set_lag(monkeypatch, 3)
    make = Maker()
    with early_session(PIPELINE, make) as session:
        found: list[Any] = [session(), session()]
    assert found == ["session 1", "session 1"]
    assert make.threads == ["session_0"]


@pytest.mark.parametrize(
    "lag", [0, TryAgain("no broker"), ValueError("a damaged table")], ids=["nothing", "no broker", "damaged"]
)
def test_no_session_is_begun_where_nothing_is_known_to_be_there(monkeypatch: pytest.MonkeyPatch, lag: int | Exception) -> None:
    set_lag(monkeypatch, lag)
    make = Maker()
    with early_session(PIPELINE, make) as session:
        assert not make.threads
        found: Any = session()
    assert found == "session 1"
    assert make.threads == ["MainThread"]


def test_who_asks_hears_why_none_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    set_lag(monkeypatch, 1)
    make = Maker(TryAgain("the first time"), TryAgain("the second time"))
    with early_session(PIPELINE, make) as session, pytest.raises(TryAgain, match="the second time"):
        session()


def test_a_run_that_ends_lets_a_session_be_made_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    set_lag(monkeypatch, 1)
    is_ending, made = threading.Event(), []

    def make() -> Any:
        is_ending.wait(2)
        made.append(True)

    with suppress(TryAgain), early_session(PIPELINE, make):
        is_ending.set()
        raise TryAgain("stopped by SIGTERM")
    assert made
