import os
import socket
import subprocess
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.project import PROJECT
from spark_jobs.launch.java import find_java, startable_environment
from spark_jobs.launch.submit import (
    COLLECTOR,
    LONG_METHODS_TOO,
    SECOND_COMPILER_LATER,
    default_conf,
    spark_conf,
    spark_submit,
    submitted_environment,
)
from tests.another_spark import ANOTHER_SPARK, ELSEWHERE


def quoted_options(conf: dict[str, str]) -> list[str]:
    return conf["spark.driver.defaultJavaOptions"].split()


@pytest.mark.proves("F190")
def test_the_pinned_spark_starts_whatever_another_one_has_set() -> None:
    environment = startable_environment(
        {**os.environ, **ANOTHER_SPARK, "SPARK_LOCAL_IP": ELSEWHERE, "HADOOP_CONF_DIR": "/etc/hadoop"}
    )
    left = {name: value for name, value in environment.items() if ANOTHER_SPARK.get(name) == value}
    assert (left, environment["PYTHONPATH"], environment["HADOOP_CONF_DIR"]) == ({}, str(PROJECT), "/etc/hadoop")
    assert environment["SPARK_LOCAL_IP"] == "127.0.0.1"
    told = subprocess.run([spark_submit(), "--version"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, "version 4.2.0" in told.stderr) == (0, True), told.stderr


@pytest.mark.proves("F190")
@pytest.mark.parametrize("variable", ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"])
def test_a_collector_of_the_users_wins_without_a_clash(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "-XX:+UseSerialGC")
    options = quoted_options(spark_conf())
    assert (COLLECTOR in options, set(SECOND_COMPILER_LATER) <= set(options)) == (False, True)
    java = startable_environment(os.environ)["JAVA_HOME"] + "/bin/java"
    command = [java, *options, "-XX:+PrintCommandLineFlags", "-version"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    assert [flag for flag in told.stdout.split() if flag.endswith("GC")] == ["-XX:+UseSerialGC"]


def test_options_of_the_settings_file_and_of_spark_win_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert COLLECTOR not in quoted_options(spark_conf(chosen=["-Xss4m -XX:+UseZGC"]))
    monkeypatch.setenv("SPARK_SUBMIT_OPTS", "-XX:+UseG1GC -Dlog4j2.configurationFile=mine.properties")
    options = quoted_options(spark_conf())
    assert [one for one in options if one == COLLECTOR or "log4j2" in one] == []


def test_drivers_and_executors_compile_the_long_methods_of_declared_fields() -> None:
    for conf in (spark_conf(), default_conf()):
        assert LONG_METHODS_TOO in quoted_options(conf)
        assert conf["spark.executor.defaultJavaOptions"] == LONG_METHODS_TOO


def test_by_hand_no_collector_is_named_and_the_second_compiler_comes_later_as_well() -> None:
    options = default_conf()["spark.driver.defaultJavaOptions"].split()
    assert (COLLECTOR in options, set(SECOND_COMPILER_LATER) <= set(options)) == (False, True)


@pytest.mark.proves("F191")
@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("JAVA_TOOL_OPTIONS", "-XX:+UseNoSuchGC", "Unrecognized VM option 'UseNoSuchGC'"),
        ("_JAVA_OPTIONS", "-XX:+UseG1GC -XX:+UseSerialGC", "Multiple garbage collectors selected"),
        ("SPARK_SUBMIT_OPTS", "-Xmx", "Invalid maximum heap size"),
        ("SPARK_SUBMIT_OPTS", "-Da='1", "No closing quotation"),
    ],
)
def test_options_with_which_no_java_starts_are_one_sentence(
    variable: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert find_java()
    with pytest.raises(ConfigurationError, match=rf"Java does not start with .*{variable} .*\(.*({reason})"):
        startable_environment(os.environ)


@pytest.mark.proves("F191")
def test_an_address_of_another_machine_is_one_sentence_where_others_must_reach_the_driver() -> None:
    java = find_java()
    with pytest.raises(ConfigurationError, match=f"SPARK_LOCAL_IP={ELSEWHERE} is no address of this machine"):
        submitted_environment({"SPARK_LOCAL_IP": ELSEWHERE}, java, "spark://elsewhere:7077")
    with pytest.raises(ConfigurationError, match="SPARK_LOCAL_IP=no such name is no address of this machine"):
        submitted_environment({"SPARK_LOCAL_IP": "no such name"}, java, "spark://elsewhere:7077")
    own = {"SPARK_LOCAL_IP": socket.gethostbyname("localhost")}
    assert submitted_environment(own, java, "spark://elsewhere:7077")["SPARK_LOCAL_IP"] == own["SPARK_LOCAL_IP"]


@pytest.mark.proves("F191")
def test_a_scratch_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ConfigurationError, match=r"SPARK_LOCAL_DIRS names \S+/file/scratch, which cannot be made: Not a directory"
    ):
        submitted_environment({"SPARK_LOCAL_DIRS": f"{tmp_path}/good,{tmp_path}/file/scratch"}, find_java())


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LANG": "xx_XX.UTF-8"}])
def test_java_sees_every_file_name_whatever_the_locale(locale: dict[str, str], tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if name not in ("LC_ALL", "LC_CTYPE", "LANG")}
    environment = startable_environment({**inherited, **locale})
    command = [environment["JAVA_HOME"] + "/bin/java", "-XshowSettings:properties", "-version"]
    told = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "sun.jnu.encoding = UTF-8" in told.stderr
