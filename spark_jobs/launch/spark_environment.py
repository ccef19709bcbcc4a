"""The environment in which Spark is started: the user's, less what would bring in another Spark, and what is wrong with it.

`spark-submit` goes by some thirty variables. A shell in which another Spark is set up must start the pinned one all the same, and
a JVM option that the user exported wins over ours instead of clashing with it. Plain functions of a mapping; which Spark and
which Java are ours is known in `submit.py` and `java.py`.
"""

import os
import re
import shlex
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from spark_jobs.base.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
SECRET_VARIABLE = "_SPARK_AUTH_SECRET"
"""Environment variable with the secret that a standalone cluster asks for;
Spark's own daemons and executors read the same one.
"""

JVM_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "SPARK_SUBMIT_OPTS")
"""Where a user's options of any JVM stand; the first three are read by Java itself, the last by `spark-submit`."""

_KEPT = (SECRET_VARIABLE, "SPARK_LOCAL_DIRS", "SPARK_LOCAL_IP", "SPARK_PUBLIC_DNS", "SPARK_SUBMIT_OPTS", "SPARK_USER")
"""What may be meant for our Spark: the secret of a cluster, folders and addresses of this machine, options of the JVM."""
_SPARKS = ("SPARK_", "_SPARK_", "PYSPARK_")
_PYTHONS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")

_ADDRESSES = {"SPARK_LOCAL_IP": LOOPBACK, "SPARK_PUBLIC_DNS": LOOPBACK}
_ENCODING = {"LC_ALL": "C.UTF-8"}
"""Java takes the characters of file names from the locale, and in `C`, or in one that is not installed, knows only ASCII."""

Environment = Mapping[str, str]


def is_local(master: str) -> bool:
    """Whether executors live in the driver's own process or machine, so that nobody else has to reach the driver.

    >>> is_local("local[*]"), is_local("local"), is_local("spark://host:7077")
    (True, True, False)
    """
    return master.startswith("local")


def foreign(environment: Environment) -> list[str]:
    """Names of the variables that would start another Spark or another Python, or make ours something else.

    >>> foreign({"SPARK_HOME": "/opt/spark", "SPARK_LOCAL_IP": "10.0.0.1", "PYTHONPATH": "/x", "HADOOP_CONF_DIR": "/etc/hadoop"})
    ['SPARK_HOME', 'PYTHONPATH']
    """
    return [name for name in environment if (name.startswith(_SPARKS) and name not in _KEPT) or name in _PYTHONS]


def java_environment(environment: Environment) -> dict[str, str]:
    """The environment of a JVM that finds files whatever they are called."""
    return {**environment, **_ENCODING}


def without_foreign(environment: Environment) -> dict[str, str]:
    """The environment without them."""
    left_out = set(foreign(environment))
    return {name: value for name, value in environment.items() if name not in left_out}


def without_jvm_options(environment: Environment) -> dict[str, str]:
    """The environment of a JVM that must not depend on what the user has set for all of them."""
    return {name: value for name, value in environment.items() if name not in JVM_VARIABLES}


def spark_variables(environment: Environment, master: str) -> dict[str, str]:
    """What Spark's processes need besides: names of files in UTF-8, and, with a local master, addresses of loopback only.

    `ConfigurationError` for an address that is not of this machine, and for scratch folders that cannot be had.
    """
    _require_folders(environment.get("SPARK_LOCAL_DIRS", ""))
    if is_local(master):
        return {**_ENCODING, **_ADDRESSES}
    _require_own_address(environment.get("SPARK_LOCAL_IP", ""))
    return dict(_ENCODING)


def require_pinned_spark(environment: Environment, pinned: str) -> None:
    """Raise `ConfigurationError` if `spark-submit`, called by hand,
    has started a Spark of another version than the pinned one.
    """
    home = environment.get("SPARK_HOME", "")
    cores = sorted(Path(home, "jars").glob("spark-core_*.jar")) if home else []
    versions = [core.stem.rpartition("-")[2] for core in cores]
    if versions and pinned not in versions:
        raise ConfigurationError(
            f"SPARK_HOME={home} is a Spark {versions[0]}, and this project works with {pinned}; unset SPARK_HOME, or use "
            "`dayfold run`, which does not go by it"
        )


def _require_own_address(address: str) -> None:
    if not address:
        return
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(place)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"SPARK_LOCAL_IP={address} is no address of this machine ({error}), so Spark's driver cannot listen there; "
            "unset it, or name an address that `ip address` shows"
        ) from None


def _require_folders(folders: str) -> None:
    for folder in filter(None, folders.split(",")):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"SPARK_LOCAL_DIRS names {folder}, which cannot be made: {error.strerror}; unset it, or name other folders"
            ) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigurationError(
                f"SPARK_LOCAL_DIRS names {folder}, where nothing can be written; unset it, or name other folders"
            )


def options_beside(ours: Iterable[str], chosen: Iterable[str]) -> Iterator[str]:
    """Those of our JVM options that say nothing about what the user's say something about: a JVM takes one collector only.

    >>> list(options_beside(["-XX:+UseParallelGC", "-Da=1", "-XX:Tier4InvocationThreshold=9"], ["-XX:+UseG1GC -Da=2"]))
    ['-XX:Tier4InvocationThreshold=9']
    >>> list(options_beside(["-XX:+UseParallelGC"], ["-Xmx1g", "@more.options"]))
    []
    """
    settled = {_settled(option) for text in chosen for option in _split(text)}
    # A file of options may hold anything; without a collector named by us none can clash.
    unknown = {"collector"} if "file" in settled else set()
    yield from (option for option in ours if _settled(option) not in settled | unknown)


def _settled(option: str) -> str:
    """What an option decides."""
    if option.startswith(("@", "-XX:Flags=", "-XX:VMOptionsFile=")):
        return "file"
    if re.fullmatch(r"-XX:\+Use\w*GC", option):
        return "collector"
    match = re.fullmatch(r"-XX:[+-]?(\w+)(?:=.*)?|-D([^=]+)(?:=.*)?", option, re.DOTALL)
    return option if match is None else match[1] or f"-D{match[2]}"


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def jvm_options(environment: Environment) -> list[str]:
    """The texts of all options that the user set for JVMs.

    >>> jvm_options({"JAVA_TOOL_OPTIONS": "-XX:+UseG1GC", "HOME": "/root"})
    ['-XX:+UseG1GC']
    """
    return [environment[name] for name in JVM_VARIABLES if environment.get(name)]


def in_one_text(options: Iterable[str]) -> str:
    r"""JVM options as Spark takes them in one setting: divided by blanks, so what has one itself is quoted.

    >>> print(in_one_text(["-Da=1", "-XX:SharedArchiveFile=/my project/classes.jsa"]))
    -Da=1 "-XX:SharedArchiveFile=/my project/classes.jsa"
    """
    return " ".join(option if re.fullmatch(r"[\w.,:/=+@%*-]+", option, re.ASCII) else _quoted(option) for option in options)


def _quoted(option: str) -> str:
    escaped = option.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
