"""Where a process and those that it started wait for connections."""

import psutil


def listening(process: psutil.Process) -> set[str]:
    """The addresses at which a process and those below it wait for connections."""
    family = [process, *process.children(recursive=True)]
    return {one.laddr.ip for member in family for one in member.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
