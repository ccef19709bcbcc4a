"""Ports for servers of our own: nobody is told a port that another one was told and has not taken yet."""

import json
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from spark_jobs.local.free_ports import HIGHEST, LOWEST, free_ports, reserved_ports
from spark_jobs.local.listening import listens

STARTERS = 8
# A server's start: it is told its ports, and takes time until it has them.
STARTER = """
import json, sys
from spark_jobs.local.free_ports import reserved_ports
wanted = int(sys.argv[1])
with reserved_ports([wanted, None, wanted]) as ports:
    print(json.dumps(ports), flush=True)
    sys.stdin.read()
"""


@pytest.mark.proves("F193")
def test_of_many_that_start_at_once_no_two_are_told_the_same_port() -> None:
    (wanted,) = free_ports([None])
    with ExitStack() as running:
        starters = [
            running.enter_context(
                subprocess.Popen([sys.executable, "-c", STARTER, str(wanted)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for _ in range(STARTERS)
        ]
        told = [port for one in starters if one.stdout for port in json.loads(one.stdout.readline())]
    assert len(told) == len(set(told)) == 3 * STARTERS
    assert told.count(wanted) == 1
    assert all(LOWEST <= port <= HIGHEST for port in told)


def test_a_port_is_free_again_when_its_reservation_or_the_process_that_had_it_has_ended() -> None:
    with reserved_ports([None]) as (port,):
        assert free_ports([port]) != [port]
    assert free_ports([port]) == [port]
    with subprocess.Popen([sys.executable, "-c", STARTER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert port in json.loads(starter.stdout.readline())
        assert free_ports([port]) != [port]
        starter.kill()
        starter.wait()
        assert free_ports([port]) == [port]


def test_who_listens_at_a_port_is_told_from_others() -> None:
    listening = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with (
        subprocess.Popen([sys.executable, "-c", listening], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one,
        socket.create_server(("127.0.0.1", 0)) as ours,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other,
    ):
        assert one.stdout is not None
        port = int(one.stdout.readline())
        assert (listens(one.pid, port), listens(other.pid, port)) == (True, False)
        assert (listens(one.pid, ours.getsockname()[1]), listens(2**22 + 1, port)) == (False, False)
        for process in (one, other):
            process.communicate(b"\n")
