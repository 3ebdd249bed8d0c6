"""The manifests for Ray and the image: as far as they can be read without a cluster or Docker."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from januscl.cli.main import app
from januscl.compute import executor_from

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
# The fields of KubeRay 1.6's resources, ray.io/v1 (its API reference).
JOB = {
    "activeDeadlineSeconds", "backoffLimit", "rayClusterSpec", "submitterPodTemplate", "metadata",
    "clusterSelector", "submitterConfig", "managedBy", "deletionStrategy", "entrypoint",
    "runtimeEnvYAML", "jobId", "submissionMode", "entrypointResources", "entrypointNumCpus",
    "entrypointNumGpus", "ttlSecondsAfterFinished", "shutdownAfterJobFinishes", "suspend",
}  # fmt: skip
CLUSTER = {
    "authOptions", "suspend", "managedBy", "autoscalerOptions", "headServiceAnnotations",
    "enableInTreeAutoscaling", "gcsFaultToleranceOptions", "headGroupSpec", "rayVersion",
    "workerGroupSpecs", "upgradeStrategy",
}  # fmt: skip
HEAD = {"template", "headService", "enableIngress", "resources", "labels", "rayStartParams",
        "serviceType"}  # fmt: skip
WORKERS = {
    "suspend", "groupName", "replicas", "minReplicas", "maxReplicas", "idleTimeoutSeconds",
    "resources", "labels", "rayStartParams", "template", "scaleStrategy", "numOfHosts",
}  # fmt: skip


def read(name):
    return yaml.safe_load((DEPLOY / "ray" / name).read_text())


def clusters():
    return {
        "raycluster.yaml": read("raycluster.yaml")["spec"],
        "rayjob.yaml": read("rayjob.yaml")["spec"]["rayClusterSpec"],
    }


def pods(spec):
    groups = [spec["headGroupSpec"], *spec.get("workerGroupSpecs", [])]
    return [group["template"]["spec"] for group in groups]


@pytest.mark.parametrize("name", sorted(clusters()))
def test_kuberay_knows_every_field_of_a_cluster(name):
    spec = clusters()[name]
    assert set(spec) <= CLUSTER
    assert set(spec["headGroupSpec"]) <= HEAD
    for group in spec.get("workerGroupSpecs", []):
        assert set(group) <= WORKERS
        assert group["minReplicas"] == 0, "no machine while no job waits"
    for pod in pods(spec):
        mounted = {mount["name"] for c in pod["containers"] for mount in c["volumeMounts"]}
        assert mounted <= {volume["name"] for volume in pod["volumes"]}


def test_the_lasting_cluster_mounts_nothing_of_the_service():
    for pod in pods(clusters()["raycluster.yaml"]):
        assert [sorted(volume) for volume in pod["volumes"]] == [["emptyDir", "name"]]
    assert not [o for o in read("cluster.yaml")["docker"]["run_options"] if "--volume" in o]


def test_the_executor_that_a_file_names_is_one():
    for file in ("raycluster.yaml", "cluster.yaml"):
        (query,) = set(re.findall(r"\?[a-z]+=[\w=&]+", (DEPLOY / "ray" / file).read_text()))
        assert executor_from(f"http://head:8265{query}", "s3://janus-jobs/jobs")


@pytest.mark.parametrize("name", sorted(clusters()))
def test_a_cluster_wants_its_token_and_its_pods_are_no_root(name):
    spec = clusters()[name]
    assert spec["authOptions"] == {"mode": "token"}
    for pod in pods(spec):
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert not container["image"].endswith(":latest")


def test_the_clusters_ray_is_the_one_that_is_locked():
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    (locked,) = {package["version"] for package in lock["package"] if package["name"] == "ray"}
    assert {spec["rayVersion"] for spec in clusters().values()} == {locked}


def test_a_ray_job_runs_a_command_that_there_is_and_takes_its_cluster_along():
    job = read("rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]
    assert set(spec) <= JOB
    assert spec["submissionMode"] in ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode")
    assert spec["shutdownAfterJobFinishes"]
    program, command, *words = spec["entrypoint"].split()
    assert (program, command) == ("janus", "train")
    parser = pytest.importorskip("typer").main.get_command(app)
    known = {name for option in parser.commands["train"].params for name in option.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_ray_accepts_the_file_of_ray_up():
    util = pytest.importorskip("ray.autoscaler._private.util", reason="needs the extra ray")
    config = util.prepare_config(read("cluster.yaml"))
    util.validate_config(config)
    kinds = config["available_node_types"]
    assert kinds["gpu"]["min_workers"] == 0, "no machine while no job waits"
    assert kinds["head"]["resources"]["CPU"] == 0, "jobs run on workers"
    assert "--env RAY_AUTH_MODE=token" in config["docker"]["run_options"]
    config["speed"] = "unknown"
    with pytest.raises(Exception, match="speed"):
        util.validate_config(config)


def test_the_image_is_made_of_what_there_is():
    text = (DEPLOY / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(re.findall(r"--extra (\w+)", text))
    assert extras
    assert extras <= set(project["optional-dependencies"])
    for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources)
    assert re.search(r"^FROM \S+:[\w.-]+$", text, re.MULTILINE), "the base has a tag"
    assert text.rindex("USER 10001") > text.rindex("RUN "), "nothing runs as root"
    (program,) = project["scripts"]
    assert re.search(rf'^CMD \["{program}", "serve"', text, re.MULTILINE)
