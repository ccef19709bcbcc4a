"""`make notebooks`: the real JupyterLab, asked as anybody on this machine could ask it."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from spark_jobs.base.project import PROJECT
from tests.submitted import wait_until

pytestmark = pytest.mark.thorough

# What a user may have set for other servers: no token, every interface.
CARELESS = "c.IdentityProvider.token = ''\nc.ServerApp.ip = '0.0.0.0'\n"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A JupyterLab that was started in spite of careless settings: what it says of itself (address, token, pid)."""
    (tmp_path / ".jupyter").mkdir()
    (tmp_path / ".jupyter" / "jupyter_server_config.py").write_text(CARELESS)
    folder = {"HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path), "JUPYTER_TOKEN": ""}
    command = [sys.executable, "-m", "spark_jobs.local.notebooks", "--no-browser"]
    log = (tmp_path / "log").open("w")
    server = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **folder}, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: "is running at" in (tmp_path / "log").read_text(), "JupyterLab", 60)
        yield json.loads((tmp_path / f"jpserver-{server.pid}.json").read_text())
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        log.close()


def ask(lab: dict[str, Any], path: str, **headers: str) -> tuple[int, str]:
    """Status and text of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{lab['url']}{path}", headers=headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, ""


def test_it_listens_on_loopback_and_shows_nothing_without_its_token(lab: dict[str, Any]) -> None:
    listening = [one.laddr.ip for one in psutil.Process(lab["pid"]).net_connections() if one.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    assert len(lab["token"]) >= 32
    assert ask(lab, "api/contents/notebooks")[0] == 403
    assert ask(lab, "api/contents/notebooks", Authorization="token wrong")[0] == 403
    status, listing = ask(lab, "api/contents/notebooks", Authorization=f"token {lab['token']}")
    assert status == 200
    assert {"01_daily_averages.ipynb", "02_without_spark.ipynb"} <= {one["name"] for one in json.loads(listing)["content"]}
    assert "JupyterLab" in ask(lab, f"lab/tree/notebooks/01_daily_averages.ipynb?token={lab['token']}")[1]


def test_it_neither_looks_for_news_and_updates_nor_asks_whether_it_may(lab: dict[str, Any]) -> None:
    token = {"Authorization": f"token {lab['token']}"}
    status, settings = ask(lab, "lab/api/settings/@jupyterlab/apputils-extension:notification", **token)
    assert status == 200
    defaults = {name: one["default"] for name, one in json.loads(settings)["schema"]["properties"].items()}
    assert (defaults["fetchNews"], defaults["checkForUpdates"]) == ("false", False)
    assert json.loads(ask(lab, "lab/api/news", **token)[1]) == {"news": []}
    assert json.loads(ask(lab, "lab/api/update", **token)[1]) == {"notification": None}
