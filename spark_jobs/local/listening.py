"""Who listens at a port of this machine: what answers there may belong to somebody else, who was quicker."""

from contextlib import suppress

import psutil


def listens(pid: int, port: int) -> bool:
    """Whether the process, or one that it started, waits for connections at the port."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return any(_has_port(one, port) for one in [process, *process.children(recursive=True)])
    return False


def _has_port(process: psutil.Process, port: int) -> bool:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        found = process.net_connections("tcp")
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found)
    return False
