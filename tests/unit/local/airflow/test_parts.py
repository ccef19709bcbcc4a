"""Ending everything that an Airflow started, and what its start does without any Airflow."""

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.local.airflow import server as airflow_server
from spark_jobs.local.airflow.parts import end_sessions, members_of
from tests.submitted import wait_until

# A child in a process group of its own, as Airflow's tasks are, whose parent has gone, and which does not care for SIGTERM.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
    print("ready", flush=True)
    signal.pause()
"""


def test_a_task_that_ignores_the_signal_in_a_group_of_its_own_is_ended_with_its_session() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == b"ready\n"
        leader.wait(10)
        session = frozenset([leader.pid])
        (orphan,) = members_of(session)
        assert orphan.pid != leader.pid
        end_sessions(session, seconds=0.3)
        assert list(members_of(session)) == []


def test_what_ends_in_order_is_not_killed() -> None:
    told = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('ready', flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", told], stdout=subprocess.PIPE, start_new_session=True) as polite:
        assert polite.stdout is not None
        assert polite.stdout.readline() == b"ready\n"
        end_sessions([polite.pid])
        assert polite.wait(5) == 7


def test_a_process_of_another_session_is_left_alone() -> None:
    waiting = "import sys; print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        end_sessions([2**22 + 1])
        assert other.poll() is None
        assert other.stdin is not None
        other.stdin.close()
        wait_until(lambda: other.poll() == 0, "the end of its input to end it")


def test_a_port_that_is_asked_for_and_taken_is_refused_in_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigurationError, match=rf"^port {port} on 127.0.0.1 is taken by another process; choose another one"
        ):
            airflow_server.choose_port(port)


def test_each_folder_has_a_password_of_its_own_that_stays_and_that_nobody_else_may_read(tmp_path: Path) -> None:
    def password(folder: str) -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        return airflow_server.login_password(airflow_server.server_environment({"AIRFLOW_HOME": str(tmp_path / folder)}, 8080))

    first = password("one")
    assert len(first) >= 16
    assert password("one") == first
    assert password("two") != first
    assert stat.S_IMODE((tmp_path / "one" / "passwords.json").stat().st_mode) == 0o600
