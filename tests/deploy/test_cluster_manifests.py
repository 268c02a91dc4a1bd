"""serve.yaml and kuberay.yaml say what Ray Serve, Kubernetes, the service, and each other understand."""

from __future__ import annotations

import re
import types
from typing import Any, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from app.cluster.up import NICENESS
from app.config import Settings, load_settings, variable
from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
SERVE: dict[str, Any] = yaml.safe_load((DEPLOY / "serve.yaml").read_text())
SERVICE, NGINX, BALANCER = yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text())
INSIDE: dict[str, Any] = yaml.safe_load(SERVICE["spec"]["serveConfigV2"])
CLUSTER = SERVICE["spec"]["rayClusterConfig"]
HEAD, (STAGES,) = CLUSTER["headGroupSpec"], CLUSTER["workerGroupSpecs"]
SECRETS = {"LIPWIRE_API_KEYS", "LIPWIRE_TOKEN_SECRET", "LIPWIRE_TURN_SECRET"}
OF_NODES = {"LIPWIRE_ICE_ADDRESS", "LIPWIRE_ICE_PORTS", "LIPWIRE_STAGE_PORTS"}
# what KubeRay's resources of version v1 have, as its reference lists them
OF_SERVICE = {
    *("serveService", "upgradeStrategy", "serveConfigV2", "rayClusterConfig", "excludeHeadPodFromServeSvc"),
    *("rayClusterDeletionDelaySeconds",),
}
OF_CLUSTER = {
    *("suspend", "managedBy", "autoscalerOptions", "headServiceAnnotations", "enableInTreeAutoscaling", "rayVersion"),
    *("gcsFaultToleranceOptions", "headGroupSpec", "workerGroupSpecs", "authOptions"),
}
OF_HEAD = {"template", "headService", "enableIngress", "rayStartParams", "serviceType"}
OF_WORKERS = {
    *("suspend", "groupName", "replicas", "minReplicas", "maxReplicas", "idleTimeoutSeconds", "rayStartParams"),
    *("template", "scaleStrategy", "numOfHosts"),
}
OF_AUTOSCALER = {
    *("resources", "image", "imagePullPolicy", "securityContext", "idleTimeoutSeconds", "upscalingMode", "version"),
    *("env", "envFrom", "volumeMounts"),
}
OF_POD = {
    *(
        "affinity",
        "containers",
        "dnsPolicy",
        "hostNetwork",
        "securityContext",
        "terminationGracePeriodSeconds",
        "volumes",
    ),
    *("nodeSelector", "tolerations", "initContainers", "serviceAccountName", "imagePullSecrets"),
}
OF_CONTAINER = {
    *("name", "image", "command", "args", "env", "envFrom", "ports", "resources", "lifecycle", "livenessProbe"),
    *("readinessProbe", "startupProbe", "securityContext", "volumeMounts", "imagePullPolicy", "workingDir"),
}


def variables(config: dict[str, Any]) -> dict[str, str]:
    (application,) = config["applications"]
    found: dict[str, str] = application["runtime_env"]["env_vars"]
    return found


def unknown(value: Any, model: Any, path: str = "") -> list[str]:
    """Return the names in a document that a pydantic model would ignore."""
    if get_origin(model) in (Union, types.UnionType):
        models = [each for each in get_args(model) if each is not type(None)]
        return min((unknown(value, each, path) for each in models), key=len)
    if get_origin(model) is list and isinstance(value, list):
        return [name for each in value for name in unknown(each, get_args(model)[0], f"{path}[]")]
    if not (isinstance(model, type) and issubclass(model, BaseModel) and isinstance(value, dict)):
        return []
    strange = [f"{path}.{name}" for name in value if name not in model.model_fields]
    known = [(name, model.model_fields[name].annotation) for name in value if name in model.model_fields]
    return strange + [each for name, inner in known for each in unknown(value[name], inner, f"{path}.{name}")]


@pytest.mark.parametrize("config", [SERVE, INSIDE], ids=["serve.yaml", "kuberay.yaml"])
def test_serve_takes_it_and_ignores_nothing_of_it(config: dict[str, Any]) -> None:
    schema = pytest.importorskip("ray.serve.schema", reason="Ray is missing: pip install '.[cluster]'")
    schema.ServeDeploySchema.model_validate(config)
    assert unknown(config, schema.ServeDeploySchema) == []
    assert unknown({**config, "proxy_locaton": "EveryNode"}, schema.ServeDeploySchema) == [".proxy_locaton"]
    (application,) = config["applications"]
    assert application["import_path"] == "app.cluster:app"


@pytest.mark.parametrize("config", [SERVE, INSIDE], ids=["serve.yaml", "kuberay.yaml"])
def test_every_variable_is_a_setting_and_together_they_can_be_used(config: dict[str, Any]) -> None:
    own = variables(config)
    assert own.keys() <= {variable(name) for name in Settings.model_fields}
    assert all(isinstance(value, str) for value in own.values()), "Ray wants texts"
    settings = load_settings(own)
    assert settings.shares_one_name and settings.stage_url == settings.front_url
    assert settings.store.startswith("s3://") and settings.fronts == 2
    assert settings.stages_min <= settings.stages_max and settings.host == "0.0.0.0"


@pytest.mark.parametrize("config", [SERVE, INSIDE], ids=["serve.yaml", "kuberay.yaml"])
def test_no_secret_is_shown_and_nothing_of_one_machine_is_set_for_all(config: dict[str, Any]) -> None:
    assert not variables(config).keys() & (SECRETS | OF_NODES)
    assert config["logging_config"] == {"enable_access_log": False}


def test_both_run_the_same_but_for_the_network() -> None:
    assert variables(SERVE).keys() == variables(INSIDE).keys()
    differing = {name for name, value in variables(SERVE).items() if variables(INSIDE)[name] != value}
    assert differing == {"LIPWIRE_TRUSTED_PROXIES"}
    assert SERVE["http_options"] == INSIDE["http_options"]


def test_every_variable_that_deploy_names_is_a_setting() -> None:
    """In comments, commands and documents too: a name that does nothing helps nobody."""
    known = {variable(name) for name in Settings.model_fields}
    texts = [*DEPLOY.glob("*"), *(DEPLOY / "prometheus").glob("*"), ROOT / "docs" / "cluster.md"]
    for text in texts:
        if text.is_file():
            named = set(re.findall(r"\bLIPWIRE_[A-Z0-9_]*[A-Z0-9]\b", text.read_text()))
            assert named <= known, text


def test_kuberay_knows_every_name() -> None:
    assert (SERVICE["apiVersion"], SERVICE["kind"]) == ("ray.io/v1", "RayService")
    assert SERVICE["spec"].keys() <= OF_SERVICE and CLUSTER.keys() <= OF_CLUSTER
    assert CLUSTER["autoscalerOptions"].keys() <= OF_AUTOSCALER and CLUSTER["authOptions"] == {"mode": "token"}
    assert HEAD.keys() <= OF_HEAD and STAGES.keys() <= OF_WORKERS
    for group in (HEAD, STAGES):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values()), "KubeRay wants texts"
    for pod in pods():
        assert pod.keys() <= OF_POD
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert container.keys() <= OF_CONTAINER and container["image"] and container["resources"]["requests"]
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def pods() -> list[dict[str, Any]]:
    return [each["template"]["spec"] for each in (HEAD, STAGES, NGINX["spec"])]


def test_ray_is_the_one_that_is_installed() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert f"ray[serve]=={CLUSTER['rayVersion']}" in project


def test_the_head_runs_no_replica_and_two_fronts_stand_apart() -> None:
    assert HEAD["rayStartParams"] == {"num-cpus": "0"}
    (application,) = INSIDE["applications"]
    assert {"name": "Front", "max_replicas_per_node": 1} in application["deployments"]
    assert STAGES["minReplicas"] >= int(variables(INSIDE)["LIPWIRE_FRONTS"])


def test_a_node_that_goes_gives_its_sessions_their_time() -> None:
    pod = STAGES["template"]["spec"]
    move_s, grace_s = float(variables(INSIDE)["LIPWIRE_MOVE_S"]), pod["terminationGracePeriodSeconds"]
    command = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1]
    (deadline_s,) = re.findall(r"--deadline-remaining-seconds (\d+)", command)
    assert move_s + 60 <= int(deadline_s) < grace_s
    assert SERVICE["spec"]["rayClusterDeletionDelaySeconds"] >= grace_s


def test_stages_reach_their_viewers_and_are_one_pod_a_node() -> None:
    pod = STAGES["template"]["spec"]
    assert pod["hostNetwork"] and pod["dnsPolicy"] == "ClusterFirstWithHostNet"
    (rule,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["topologyKey"] == "kubernetes.io/hostname"
    assert rule["labelSelector"]["matchLabels"] == {"ray.io/group": STAGES["groupName"]}
    own = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert own.pop(NICENESS) == "0"  # as `lipwire cluster up` has it
    assert own.keys() <= OF_NODES and load_settings(own).ice_ports == "50000-50999"


def test_a_node_has_room_for_its_stages_and_a_front() -> None:
    cores = float(STAGES["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
    of_a_stage = float(variables(INSIDE)["LIPWIRE_STAGE_CORES"])
    assert cores >= 2 * of_a_stage + 1
    stages = STAGES["maxReplicas"] * (cores - 1) // of_a_stage
    assert stages >= int(variables(INSIDE)["LIPWIRE_STAGES_MAX"])


def test_rays_pods_may_little() -> None:
    for group in (HEAD, STAGES):
        pod = group["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 10001
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["envFrom"] == [{"secretRef": {"name": "lipwire"}}]
            assert all("exec" in container[probe] for probe in ("livenessProbe", "readinessProbe")), "there is no wget"


def test_nginx_has_what_its_configuration_names_and_is_what_people_reach() -> None:
    config = (DEPLOY / "nginx.conf").read_text()
    (container,) = NGINX["spec"]["template"]["spec"]["containers"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted == {"/etc/nginx/conf.d", "/etc/ssl/lipwire", "/var/lib/nginx"}
    assert "/etc/ssl/lipwire/tls.crt;" in config and "/etc/ssl/lipwire/tls.key;" in config
    assert "proxy_cache_path /var/lib/nginx/lipwire " in config
    labels = NGINX["spec"]["template"]["metadata"]["labels"]
    assert labels == NGINX["spec"]["selector"]["matchLabels"] == BALANCER["spec"]["selector"]
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in BALANCER["spec"]["ports"]} == ports
    assert BALANCER["spec"]["externalTrafficPolicy"] == "Local", "else every client is the balancer"
    # the commands at the top of the manifest change what is there
    said = (DEPLOY / "kuberay.yaml").read_text()
    for wanted in re.findall(r"s/([^/]+)/", said.partition("sed '")[2].partition("' deploy")[0]):
        assert wanted in config


def test_nginx_keeps_connections_for_less_long_than_serve() -> None:
    (kept_s,) = re.findall(r"keepalive_timeout (\d+)s;", (DEPLOY / "nginx.conf").read_text().partition("map ")[0])
    assert int(kept_s) < SERVE["http_options"]["keep_alive_timeout_s"]
