"""What deploys fairdrift, checked by the tools of those who read it: hadolint, Kubernetes' schemas, Compose's, promtool, systemd."""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml

from streams.config import load
from streams.exporter import METRICS

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
PROMETHEUS = DEPLOY / "prometheus"
SCRIPTS = Path(sys.executable).parent
SUFFIXES = ("_bucket", "_sum", "_count")


def run(*words: str, cwd: Path = DEPLOY) -> str:
    """Run a tool; its words, after asserting that it found nothing."""
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def tool(name: str) -> str:
    """Its path; a loud skip where it is not installed."""
    if (found := shutil.which(name)) is None:
        pytest.skip(f"{name} is not installed: on Debian, apt-get install {'prometheus' if name == 'promtool' else 'systemd'}")
    return found


def test_the_image() -> None:
    run(str(SCRIPTS / "hadolint"), "Dockerfile")


@pytest.mark.parametrize("manifest", sorted(KUBERNETES.glob("*.yaml")), ids=lambda path: path.name)
def test_kubernetes_knows_every_field(manifest: Path) -> None:
    if manifest.name not in {"kustomization.yaml", "fairdrift.yaml"}:
        assert "passed" in run(str(SCRIPTS / "kubernetes-validate"), "--strict", str(manifest))


def test_kustomize_finds_everything_and_takes_all() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    named = {*kustomization["resources"], *kustomization["configMapGenerator"][0]["files"]}
    assert named == {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}


def test_pods_are_restricted_probed_and_never_started_twice_at_once() -> None:
    documents = [d for path in KUBERNETES.glob("*.yaml") for d in yaml.safe_load_all(path.read_text()) if "kind" in d]
    pods = {d["metadata"]["name"]: d["spec"]["template"]["spec"] for d in documents if "template" in d.get("spec", {})}
    assert pods.keys() == {"migrate", "worker", "serve"}
    for name, pod in pods.items():
        assert pod["securityContext"]["runAsNonRoot"]
        (container,) = pod["containers"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert "limits" in container["resources"]
        if name != "migrate":
            assert {"livenessProbe", "readinessProbe", "startupProbe"} <= container.keys()
    guarded = {d["metadata"]["name"] for d in documents if d["kind"] == "PodDisruptionBudget"}
    walled = {d["metadata"]["name"] for d in documents if d["kind"] == "NetworkPolicy"}
    assert (guarded, walled) == ({"worker", "serve"}, {"worker", "serve", "migrate"})


def test_compose() -> None:
    found = find_spec("check_jsonschema")  # it brings the schema; its own command wants another click than Faust does
    assert found is not None
    assert found.origin is not None
    schema = Path(found.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    jsonschema.validate(composed, json.loads(schema.read_text()))
    for name, service in composed["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} would be reachable from outside"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in composed["volumes"]


def test_the_configurations_that_are_shipped_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres:5432/fairdrift")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "kafka:9092")
    monkeypatch.setenv("SERVE_TOKEN", "a token of more than sixteen characters")
    assert load(DEPLOY / "compose" / "fairdrift.yaml").worker.health.bind == "0.0.0.0"
    secret = yaml.safe_load((KUBERNETES / "secret.example.yaml").read_text())["stringData"]
    for name, value in secret.items():
        (tmp_path / name).write_text(value)
    text = (KUBERNETES / "fairdrift.yaml").read_text().replace("/run/secrets/fairdrift", str(tmp_path))
    (tmp_path / "fairdrift.yaml").write_text(text)
    assert load(tmp_path / "fairdrift.yaml").postgres.url == secret["database-url"]


def test_the_alerts_about_the_service() -> None:
    assert "SUCCESS" in run(tool("promtool"), "check", "rules", "rules.yml", cwd=PROMETHEUS)
    run(tool("promtool"), "check", "config", "prometheus.yml", cwd=PROMETHEUS)
    assert "SUCCESS" in run(tool("promtool"), "test", "rules", "rules_test.yml", cwd=PROMETHEUS)


def test_every_alert_is_about_a_metric_that_is_exported_and_has_a_test() -> None:
    groups = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    named = {name for rule in rules for name in re.findall(r"fairdrift_\w+", rule["expr"])}
    known = METRICS.keys() | {f"{name}{suffix}" for name in METRICS for suffix in SUFFIXES}
    assert named <= known, named - known
    tests = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]
    tested = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    untested = {rule["alert"] for rule in rules} - tested
    assert not untested, f"no test shows that these fire: {untested}"


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda path: path.name)
def test_the_units(unit: Path, tmp_path: Path) -> None:
    """With a program that exists: systemd also looks whether it can be run."""
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/fairdrift/bin/fairdrift", "/bin/true"))
    assert run(tool("systemd-analyze"), "verify", str(copy)) == ""
