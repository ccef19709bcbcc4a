"""The REST API of an Airflow on this machine, as far as one must ask it whether it is ready; any other path can be asked, too."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

ASK_SECONDS, SOON_SECONDS = 30.0, 2.0
# Nothing on loopback is asked through a proxy, whatever the environment says.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_PARTS = ("scheduler", "triggerer", "dag_processor")


class ApiRefused(Exception):
    """Airflow answered, but not with what was asked for; `status` is HTTP's, `text` the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status, self.text = status, text


@dataclass(frozen=True)
class AirflowApi:
    """Asks as the user who logs in with this password. `OSError` if nobody answers,
    `ApiRefused` for an answer that is an error.
    """

    address: str
    user: str
    password: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer below `/api/v2`, None for an empty one."""
        return _ask(method, f"{self.address}/api/v2{path}", body, {"Authorization": f"Bearer {self._token}"})

    @cached_property
    def _token(self) -> str:
        login = {"username": self.user, "password": self.password}
        return str(_ask("POST", f"{self.address}/auth/token", login, {})["access_token"])

    def unready(self, since: datetime) -> str | None:
        """What is still waited for: the first part without a heartbeat since this moment; None once all are at work."""
        try:
            health = _ask("GET", f"{self.address}/api/v2/monitor/health", None, {})
        except (OSError, ApiRefused):
            return "api-server"
        for part in _PARTS:
            heard = health[part][f"latest_{part}_heartbeat"]
            if health[part]["status"] != "healthy" or datetime.fromisoformat(heard) < since:
                return part.replace("_", "-")
        return None

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG was parsed already."""
        try:
            return bool(self.ask("GET", f"/dags/{dag_id}")["dag_id"] == dag_id)
        except ApiRefused as refused:
            if refused.status == 404:
                return False
            raise


def answers(address: str) -> bool:
    """Whether an API server is there and answers soon."""
    try:
        with _OPENER.open(f"{address}/api/v2/monitor/health", timeout=SOON_SECONDS):
            return True
    except OSError:
        return False


def _ask(method: str, url: str, body: Any, headers: dict[str, str]) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with _OPENER.open(request, timeout=ASK_SECONDS) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise ApiRefused(error.code, error.read().decode(errors="replace")) from error
    return json.loads(text) if text else None
