"""The example manifests hang together: what one names, another defines; what a setting is called, we read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from grader.engine.proxy.__main__ import _parser
from grader.kit.environment import PREFIX, VARIABLES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS = [
    document
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
PODS = {
    made["metadata"]["name"]: made["spec"]["template"]
    for made in OBJECTS
    if made["kind"] in ("Deployment", "DaemonSet", "Job")
}
CONTAINERS = [
    pytest.param(pod, container, id=f"{name}-{container['name']}")
    for name, pod in PODS.items()
    for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
]


def named(kind: str) -> dict[str, dict]:
    return {made["metadata"]["name"]: made for made in OBJECTS if made["kind"] == kind}


def everything_in(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from everything_in(inner)


def test_every_file_is_applied_but_for_the_other_way_to_scale():
    there = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert there - set(KUSTOMIZATION["resources"]) == {"scaling-hpa.yaml"}
    assert set(KUSTOMIZATION["resources"]) <= there


def test_every_object_says_what_it_is():
    for made in OBJECTS:
        assert made["apiVersion"]
        assert made["kind"]
        assert re.fullmatch(r"grader(-[a-z]+)*", made["metadata"]["name"])
    names = [(made["kind"], made["metadata"]["name"]) for made in OBJECTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("pod", "container"), CONTAINERS)
def test_every_image_has_a_tag_and_a_dockerfile(pod, container):
    tags = {image["name"]: image for image in KUSTOMIZATION["images"]}
    image = tags[container["image"]]
    assert image["newTag"] != "latest"
    name = image.get("newName", image["name"]).removeprefix("grader-")
    assert (ROOT / "docker" / f"{name}.Dockerfile").is_file()


@pytest.mark.parametrize(("pod", "container"), CONTAINERS)
def test_every_setting_is_one_of_ours_and_every_map_is_there(pod, container):
    maps = named("ConfigMap")
    settings = {given["name"]: given["value"] for given in container.get("env", ())}
    for source in container.get("envFrom", ()):
        settings |= maps[source["configMapRef"]["name"]]["data"]
    ours = {name for name in settings if name.startswith(PREFIX)}
    assert ours <= set(VARIABLES)
    assert {name for name in settings if not name.startswith(PREFIX)} <= {
        "AWS_ENDPOINT_URL_S3", "AWS_SHARED_CREDENTIALS_FILE", "DOCKER_HOST",
    }  # fmt: skip
    # Every variable is a string for Kubernetes.
    assert all(isinstance(value, str) for value in settings.values())


@pytest.mark.parametrize(("pod", "container"), CONTAINERS)
def test_every_file_that_is_named_is_a_secret_that_is_made(pod, container):
    (generated,) = KUSTOMIZATION["secretGenerator"]
    keys = {Path(name).name for name in generated["files"]}
    made = (ROOT / "docker" / "make-secrets.sh").read_text()
    assert all(key in made for key in keys)
    maps = named("ConfigMap")
    settings = {given["name"]: given["value"] for given in container.get("env", ())}
    for source in container.get("envFrom", ()):
        settings |= maps[source["configMapRef"]["name"]]["data"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", ())}
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
    assert set(mounts.values()) <= set(volumes)
    for name, value in settings.items():
        if name.endswith("_FILE"):
            folder, key = value.rsplit("/", 1)
            assert key in keys, name
            assert volumes[mounts[folder]]["secret"]["secretName"] == generated["name"], name


@pytest.mark.parametrize(("pod", "container"), CONTAINERS)
def test_no_pod_may_more_than_it_needs(pod, container):
    spec, secured = pod["spec"], container["securityContext"]
    assert spec["automountServiceAccountToken"] is False
    assert secured["readOnlyRootFilesystem"] is True
    assert secured["allowPrivilegeEscalation"] is False
    assert secured["capabilities"]["drop"] == ["ALL"]
    assert "privileged" not in secured
    is_plain = spec["securityContext"].get("runAsNonRoot") or secured.get("runAsNonRoot")
    assert is_plain or container["name"] == "folder"
    # Of a node's own files only the proxy sees the engine; workers see the proxy's folder, and cannot write to it.
    paths = {volume["hostPath"]["path"] for volume in spec.get("volumes", ()) if "hostPath" in volume}
    if pod["metadata"]["labels"]["app"] == "grader-engine-proxy":
        assert paths == {"/var/run/docker.sock", "/run/grader-engine"}
    elif "worker" in pod["metadata"]["labels"]["app"]:
        assert paths == {"/run/grader-engine"}
        (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "engine"]
        assert mount["readOnly"] is True
    else:
        assert paths == set()


def test_workers_use_the_socket_and_the_images_that_the_proxy_offers():
    (proxy,) = PODS["grader-engine-proxy"]["spec"]["containers"]
    (entry,) = re.findall(
        r"^ENTRYPOINT (\[.*\])$", (ROOT / "docker" / "engine-proxy.Dockerfile").read_text(), re.MULTILINE
    )
    words = yaml.safe_load(entry)
    given = _parser().parse_args([*words[words.index("--listen") :], *proxy["args"]])
    offered = {word for word in proxy["args"] if word.startswith("grader-sandbox:")}
    for name in ("grader-worker-cpu", "grader-worker-gpu"):
        (worker,) = PODS[name]["spec"]["containers"]
        settings = {one["name"]: one["value"] for one in worker["env"]}
        assert settings["DOCKER_HOST"] == f"unix://{given.listen}"
        assert settings["GRADER_SANDBOX_IMAGE"] in offered


def test_a_pod_is_given_the_time_its_worker_drains():
    for name in ("grader-worker-cpu", "grader-worker-gpu"):
        spec = PODS[name]["spec"]
        (drain,) = [one["value"] for one in spec["containers"][0]["env"] if one["name"] == "GRADER_DRAIN_S"]
        assert spec["terminationGracePeriodSeconds"] >= float(drain) + 30


def test_selectors_select_and_scalers_scale_what_there_is():
    apps = {pod["metadata"]["labels"]["app"] for pod in PODS.values()}
    for made in OBJECTS:
        for value in everything_in(made):
            if isinstance(value, dict) and isinstance(value.get("matchLabels"), dict):
                assert {value["matchLabels"].get("app", "")} <= apps | {""}
            if isinstance(value, dict) and value.get("key") == "app":
                assert set(value["values"]) <= apps
    for made in (*named("ScaledObject").values(), *named("HorizontalPodAutoscaler").values()):
        target = made["spec"]["scaleTargetRef"]["name"]
        assert target in named("Deployment")
    for made in named("Service").values():
        assert made["spec"]["selector"]["app"] in apps


def test_the_figures_that_scalers_ask_for_are_the_servers():
    told = (ROOT / "grader" / "api" / "health.py").read_text()
    for made in named("ScaledObject").values():
        (trigger,) = made["spec"]["triggers"]
        for figure in re.findall(r"grader_\w+", trigger["metadata"]["query"]):
            assert f'"{figure}"' in told, figure
        (worker,) = PODS[made["metadata"]["name"]]["spec"]["containers"]
        jobs = worker["args"][worker["args"].index("--jobs") + 1] if "--jobs" in worker["args"] else "1"
        assert trigger["metadata"]["threshold"] == jobs


def test_probes_ask_addresses_that_there_are():
    spec = PODS["grader-server"]["spec"]["containers"][0]
    assert spec["readinessProbe"]["httpGet"]["path"] == "/api/v1/readyz"
    assert spec["livenessProbe"]["httpGet"]["path"] == "/api/v1/healthz"
    assert (ROOT / "worker" / "alive.py").is_file()
