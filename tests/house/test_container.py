"""The container and the manifests, as far as reading them shows; `make image` builds and starts the image."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tests.support.dockerfile import Instruction, instructions
from tollhoused.cli.app import make_app
from tollhoused.domain.catalogue_toml import parse_catalogue
from tollhoused.rpc.server import NOTICE_SECONDS
from tollhoused.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMAGE = f"tollhouse:{PROJECT['version']}"
USER_ID = 65532

DOCKERFILE = instructions(ROOT / "Dockerfile")
FINAL = [each for each in DOCKERFILE if each.stage == DOCKERFILE[-1].stage]
FINAL_VARIABLES = {name: value for each in FINAL if each.name == "ENV" for name, value in each.variables.items()}

MANIFESTS: dict[str, dict[str, Any]] = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(KUBERNETES.glob("*.yaml"))
}
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))[
    "services"
]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("tollhouse")}

PODS: dict[str, dict[str, Any]] = {
    name: manifest["spec"]["template"]["spec"]
    for name, manifest in MANIFESTS.items()
    if "template" in manifest.get("spec", {})
}
CONTAINERS: list[dict[str, Any]] = [
    container for pod in PODS.values() for container in [*pod.get("initContainers", []), *pod["containers"]]
]
SERVER = PODS["deployment.yaml"]["containers"][0]


def _final(name: str) -> Instruction:
    """The one instruction of that name in the final stage."""
    (found,) = [each for each in FINAL if each.name == name]
    return found


def _port(variable: str) -> int:
    return int(FINAL_VARIABLES[variable].rpartition(":")[2])


def _variables() -> Iterator[tuple[str, object]]:
    """Every variable that the image, the compose file and the manifests set, with its value; None for a reference."""
    for each in DOCKERFILE:
        if each.name in ("ENV", "ARG"):
            yield from each.variables.items()
    for service in SERVICES.values():
        yield from service["environment"].items()
    for container in CONTAINERS:
        yield from ((each["name"], each.get("value")) for each in container["env"])


def test_the_image_runs_as_a_numbered_user_without_rights() -> None:
    assert _final("USER").text == f"{USER_ID}:{USER_ID}"


def test_only_the_volume_is_written_to() -> None:
    assert _final("VOLUME").words == ["/data"]
    assert FINAL_VARIABLES["TMPDIR"] == "/data"
    assert FINAL_VARIABLES["TOLLHOUSE_DATABASE_URL"].startswith("sqlite:////data/")
    assert FINAL_VARIABLES["PYTHONDONTWRITEBYTECODE"] == "1"


def test_both_stages_start_from_one_python_that_the_project_supports() -> None:
    argument = next(each for each in DOCKERFILE if each.name == "ARG")
    bases = {each.words[0] for each in DOCKERFILE if each.name == "FROM"}
    version = re.fullmatch(r"python:3\.(\d+)-slim-\w+", argument.variables["PYTHON_IMAGE"])

    assert bases == {"${PYTHON_IMAGE}"}
    assert version is not None
    assert int(version[1]) >= int(PROJECT["requires-python"].removeprefix(">=3."))


def test_a_build_is_given_what_it_copies_and_nothing_else() -> None:
    copied = {
        source
        for each in DOCKERFILE
        if each.name in ("COPY", "ADD") and "from" not in each.options
        for source in each.words[:-1]
    }
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert allowed == copied
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_the_image_ends_with_what_the_build_stage_made() -> None:
    assert [(each.options, each.words) for each in FINAL if each.name in ("COPY", "ADD")] == [
        ({"from": "build"}, ["/opt/tollhouse", "/opt/tollhouse"])
    ]


def test_every_address_is_exposed() -> None:
    addresses = [name for name in FINAL_VARIABLES if name.endswith("LISTEN")]

    assert sorted(map(str, map(_port, addresses))) == sorted(_final("EXPOSE").words)
    assert {FINAL_VARIABLES[name].rpartition(":")[0] for name in addresses} == {"0.0.0.0"}


def test_the_image_asks_after_its_own_health() -> None:
    assert _final("HEALTHCHECK").command == [
        "tollhouse", "healthcheck", "--address", f"127.0.0.1:{_port('TOLLHOUSE_HEALTH_LISTEN')}"
    ]  # fmt: skip


def _commands() -> list[list[str]]:
    entry, probe = _final("ENTRYPOINT").command, _final("HEALTHCHECK").command
    given = [
        _final("CMD").command,
        *(each["command"] for each in OURS.values()),
        *(each["args"] for each in CONTAINERS),
    ]
    return [probe, *([*entry, *arguments] for arguments in given)]


@pytest.mark.parametrize("command", _commands(), ids=" ".join)
def test_a_command_is_one_of_ours(command: list[str]) -> None:
    assert command[0] == "tollhouse"
    # Help is shown only after the arguments were understood.
    result = CliRunner().invoke(make_app(), [*command[1:], "--help"])
    assert result.exit_code == 0, result.output


def _settings_of(environment: Mapping[str, object]) -> Settings:
    """What a server is told by the image and by who starts it; a reference stands for some database."""
    ours = {name: value for name, value in {**FINAL_VARIABLES, **environment}.items() if name.startswith("TOLLHOUSE_")}
    return read_settings({}, {n: "postgresql://u@h/d" if value is None else str(value) for n, value in ours.items()})


def test_every_variable_is_a_setting_and_all_go_together() -> None:
    """An unknown TOLLHOUSE_* variable ends a server at its start, and so does a contradiction."""
    _settings_of({})
    for service in OURS.values():
        _settings_of(service["environment"])
    for container in CONTAINERS:
        _settings_of({each["name"]: each.get("value") for each in container["env"]})


def test_servers_know_how_many_they_are() -> None:
    """Each grants its part of the clients' limits."""
    told = {each["name"]: each.get("value") for each in SERVER["env"]}

    assert _settings_of(told).replicas == MANIFESTS["deployment.yaml"]["spec"]["replicas"] > 1
    compose = OURS["tollhouse"]
    assert _settings_of(compose["environment"]).replicas == compose["deploy"]["replicas"] > 1


def test_servers_say_whose_money_it_is() -> None:
    named = {each["name"]: each.get("value") for each in SERVER["env"]}

    assert named["TOLLHOUSE_ENVIRONMENT"] == "live"
    assert OURS["tollhouse"]["environment"]["TOLLHOUSE_ENVIRONMENT"] == "test"


def test_every_variable_of_the_doors_is_a_setting() -> None:
    names = {name for name, _ in _variables() if re.match("TOLLHOUSE_(TLS|LISTEN|HEALTH|ENVIRONMENT)", name)}

    assert len(names) == 5
    assert {name.removeprefix("TOLLHOUSE_").lower() for name in names} <= {each.name for each in fields(Settings)}


def test_no_secret_is_written_down() -> None:
    """A secret is a reference or the path of a file; a value that compose asks for has no default."""
    named = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL")
    written = [
        (name, value)
        for name, value in _variables()
        if named.search(name) and not (value is None or re.match(r"/|\$\{\w+:\?", str(value)))
    ]

    assert written == []
    assert [name for name, manifest in MANIFESTS.items() if manifest["kind"] == "Secret"] == []
    assert not any("://" in str(value) and re.search(r"://[^/@]*:[^/@]*@", str(value)) for _, value in _variables())


def test_every_manifest_is_applied() -> None:
    listed = MANIFESTS["kustomization.yaml"]["resources"]

    assert sorted(listed) == sorted(set(MANIFESTS) - {"kustomization.yaml"})
    assert MANIFESTS["kustomization.yaml"]["images"] == [{"name": "tollhouse", "newTag": PROJECT["version"]}]


def test_the_example_catalogue_is_sound() -> None:
    (generated,) = MANIFESTS["kustomization.yaml"]["configMapGenerator"]
    for name in generated["files"]:
        assert parse_catalogue((KUBERNETES / name).read_text(encoding="utf-8")).plans


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda container: str(container["name"]))
def test_a_container_has_no_more_rights_and_means_than_it_needs(container: dict[str, Any]) -> None:
    assert container["image"] == IMAGE
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for bound in ("requests", "limits"):
        assert {"cpu", "memory"} <= set(container["resources"][bound])


@pytest.mark.parametrize("pod", PODS.values(), ids=list(PODS))
def test_a_pod_runs_as_the_image_does_and_gets_no_variables_of_services(pod: dict[str, Any]) -> None:
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": USER_ID,
        "runAsGroup": USER_ID,
        "fsGroup": USER_ID,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False


def test_probes_ask_the_port_without_tls_and_only_readiness_follows_the_database() -> None:
    port = _port("TOLLHOUSE_HEALTH_LISTEN")

    assert SERVER["readinessProbe"]["grpc"] == {"port": port}
    for probe in ("startupProbe", "livenessProbe"):
        assert SERVER[probe]["grpc"] == {"port": port, "service": "liveness"}


def test_ports_have_one_number_everywhere() -> None:
    ports = {each["name"]: each["containerPort"] for each in SERVER["ports"]}
    served = {each["targetPort"]: each["port"] for each in MANIFESTS["service.yaml"]["spec"]["ports"]}

    assert sorted(map(str, ports.values())) == sorted(_final("EXPOSE").words)
    assert served == {name: ports[name] for name in ("grpc", "http")}


def test_labels_find_the_servers() -> None:
    labels = MANIFESTS["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]

    assert MANIFESTS["deployment.yaml"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["disruption_budget.yaml"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["service.yaml"]["spec"]["selector"] == labels
    assert MANIFESTS["network_policy.yaml"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_clients_see_every_replica_and_one_at_a_time_is_moved() -> None:
    assert MANIFESTS["deployment.yaml"]["spec"]["replicas"] >= 3
    assert MANIFESTS["service.yaml"]["spec"]["clusterIP"] == "None"
    assert MANIFESTS["disruption_budget.yaml"]["spec"]["maxUnavailable"] == 1


def test_a_server_gets_the_time_that_its_end_takes() -> None:
    pod = PODS["deployment.yaml"]
    (drain_seconds,) = [float(each["value"]) for each in SERVER["env"] if each["name"] == "TOLLHOUSE_DRAIN_SECONDS"]
    leaving_seconds = SERVER["lifecycle"]["preStop"]["sleep"]["seconds"]
    compose_seconds = float(OURS["tollhouse"]["stop_grace_period"].removesuffix("s"))

    assert pod["terminationGracePeriodSeconds"] >= leaving_seconds + NOTICE_SECONDS + drain_seconds + 10
    assert compose_seconds >= NOTICE_SECONDS + Settings().drain_seconds + 10


@pytest.mark.parametrize("name", OURS)
def test_a_composed_service_is_as_restricted(name: str) -> None:
    service = OURS[name]

    assert service["image"] == IMAGE
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_composed_servers_are_two_and_wait_for_the_migration() -> None:
    server = OURS["tollhouse"]

    assert server["deploy"]["replicas"] == 2
    assert server["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert OURS["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
