"""The house rules for `docker-compose.yml`; each gives one sentence for every place that breaks it, none if all is well."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.compose_file import VARIABLE

ON_DEMAND = "load"
SETTING = "COMPOSE_PROFILES"
SECRET_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|KEY)$")
FROM_SECRETS = re.compile(r"\$\{\w+:\?run make secrets\}")
LITERAL_LOGIN = re.compile(r"://[^/@:]+:(?!\$\{)[^/@]+@")
PINNED = re.compile(r":\d+\.\d+[\w.-]*$")
LIMITS = ("cpus", "memory", "pids")

Compose = Mapping[str, Any]
Service = Mapping[str, Any]


def problems_of(compose: Compose, made: Mapping[str, str]) -> list[str]:
    """All that is wrong with the file; `made` is what `make secrets` writes."""
    found = [*_variables(compose, made), *_shared(compose, "volumes"), *_shared(compose, "networks"), *_profiles(compose, made)]
    for name, service in compose["services"].items():
        rules = (_health, _ports, _secrets, _hardening, _image)
        found += [f"{name}: {problem}" for rule in rules for problem in rule(service)]
        found += [f"{name}: {problem}" for problem in _dependencies(service, compose["services"])]
    return found


def is_one_shot(service: Service) -> bool:
    return service.get("restart") == "no"


def _health(service: Service) -> Iterator[str]:
    if is_one_shot(service) == ("healthcheck" in service):
        yield "needs a health check, or is one-shot and has none"


def _dependencies(service: Service, services: Mapping[str, Service]) -> Iterator[str]:
    for name, how in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if is_one_shot(services[name]) else "service_healthy"
        if how["condition"] != wanted:
            yield f"waits for {name} to be {how['condition']}, which is not {wanted}"
        if not set(service["profiles"]) <= set(services[name]["profiles"]) and how.get("required", True):
            yield f"cannot start without {name}, which its profile does not start"


def _ports(service: Service) -> Iterator[str]:
    yield from (f"publishes {port} beyond loopback" for port in service.get("ports", []) if not port.startswith("127.0.0.1:"))


def _secrets(service: Service) -> Iterator[str]:
    for name, value in service.get("environment", {}).items():
        if SECRET_NAME.search(name) and not FROM_SECRETS.fullmatch(value):
            yield f"{name} does not come from make secrets"
        if LITERAL_LOGIN.search(str(value)):
            yield f"{name} holds a password"
    arguments = json.dumps([service.get(part) for part in ("command", "entrypoint", "healthcheck")])
    yield from (f"shows {match['name']} in an argument" for match in VARIABLE.finditer(arguments))


def _hardening(service: Service) -> Iterator[str]:
    wanted = {"init": True, "read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
    yield from (f"{key} is not {value}" for key, value in wanted.items() if service.get(key) != value)
    if service.get("restart") not in ("no", "unless-stopped"):
        yield "has no restart policy"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    yield from (f"has no limit of {name}" for name in LIMITS if name not in limits)


def _image(service: Service) -> Iterator[str]:
    if service.get("build") != "." and not PINNED.search(service["image"]):
        yield f"uses {service['image']}, which is not pinned"
    if service.get("build") == "." and not any(mount.startswith("/tmp:exec") for mount in service["tmpfs"]):
        yield "cannot load the native libraries that Java unpacks in /tmp"
    if service.get("build") != "." and "user" not in service:
        yield "runs as its image likes, perhaps as root"


def _variables(compose: Compose, made: Mapping[str, str]) -> Iterator[str]:
    used = list(VARIABLE.finditer(json.dumps(compose)))
    yield from (f"{one['name']} is neither asked for nor given a default" for one in used if one["kind"] is None)
    required = {one["name"] for one in used if one["kind"] == "?"}
    yield from (f"{name} is not made by make secrets" for name in sorted(required - made.keys()))
    yield from (f"{name} is made by make secrets, but nobody uses it" for name in sorted(made.keys() - required - {SETTING}))


def _shared(compose: Compose, kind: str) -> Iterator[str]:
    used = {entry.partition(":")[0] for service in compose["services"].values() for entry in service.get(kind, [])}
    yield from (f"{kind}: {name} is used but not declared" for name in sorted(used - compose[kind].keys()))
    yield from (f"{kind}: {name} is declared but not used" for name in sorted(compose[kind].keys() - used))


def _profiles(compose: Compose, made: Mapping[str, str]) -> Iterator[str]:
    used = {profile for service in compose["services"].values() for profile in service["profiles"]}
    switched_on = set(made[SETTING].split(","))
    if used != switched_on | {ON_DEMAND}:
        yield f"profiles are {sorted(used)}, but .env switches on {sorted(switched_on)}"
