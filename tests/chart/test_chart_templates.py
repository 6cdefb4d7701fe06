"""What the chart renders, as a whole: golden files of three sets of values."""

from pathlib import Path

import pytest
import yaml
from tests.chart.tools import CHART, HERE, VALUES, manifests, only, rendered, run, template, tool

CRD_FILES = sorted((CHART / "files" / "crds").glob("*.yaml"))


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_lint(values: Path) -> None:
    done = run(tool("helm"), "lint", "--strict", CHART, "--values", values)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_golden(values: Path, golden: bool) -> None:
    """`make golden` writes them anew. CRDs and dashboards are left out: other tests compare them with their files."""
    text = rendered("--values", values, "--set", "crds.enabled=false,grafanaDashboards.enabled=false")
    path = HERE / "golden" / f"{values.stem}.yaml"
    if golden:
        path.write_text(text)
    assert text == path.read_text(), (
        f"the chart renders something else than {path.name}: read the diff, then `make golden`"
    )


def test_crds_are_kept_and_are_the_generated_ones() -> None:
    crds = {m["metadata"]["name"]: m for m in manifests() if m["kind"] == "CustomResourceDefinition"}
    assert crds.keys() == {"recmodels.recsys.dev", "trainingruns.recsys.dev", "deployments.recsys.dev"}
    for path in CRD_FILES:
        source = yaml.safe_load((CHART.parents[1] / "crds" / path.name).read_text())
        crd = crds[source["metadata"]["name"]]
        assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        assert crd["spec"] == source["spec"]


def test_crds_can_be_left_out() -> None:
    assert not [m for m in manifests("--set", "crds.enabled=false") if m["kind"] == "CustomResourceDefinition"]


def test_a_token_secret_holds_both_tokens_and_is_mounted() -> None:
    found = manifests("--values", HERE / "values" / "monitoring.yaml")
    secret = only("Secret", found)
    assert secret["stringData"] == {"current": "a-token-for-tests-0001", "next": "a-token-for-tests-0002"}
    volumes = {v["name"]: v for v in only("Deployment", found)["spec"]["template"]["spec"]["volumes"]}
    assert volumes["alert-tokens"]["secret"]["secretName"] == secret["metadata"]["name"]


def test_without_a_token_there_is_no_secret_and_the_pod_starts() -> None:
    found = manifests()
    assert not [m for m in found if m["kind"] == "Secret"]
    volumes = {v["name"]: v for v in only("Deployment", found)["spec"]["template"]["spec"]["volumes"]}
    assert volumes["alert-tokens"]["secret"]["optional"] is True


def test_an_image_digest_wins_over_its_tag() -> None:
    digest = "sha256:" + "a" * 64
    found = manifests("--set", f"images.operator.tag=x,images.operator.digest={digest}")
    container = only("Deployment", found)["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"localhost/recsys-operator@{digest}"


def test_tokens_and_an_existing_secret_exclude_each_other() -> None:
    done = template("--set", "alertReceiver.existingSecret=mine,alertReceiver.tokens.current=0123456789abcdef")
    assert done.returncode != 0
    assert "existingSecret and tokens are both set" in done.stderr


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("image.tag=x", "additional properties 'image' not allowed"),
        ("images.operator.tags=x", "additional properties 'tags' not allowed"),
        ("logLevel=LOUD", "value must be one of"),
        ("replicas=0", "minimum: got 0, want 1"),
        ("watchNamespaces[0]=Shop", "does not match pattern"),
        ("alertReceiver.tokens.current=short", "does not match pattern"),
        ("prometheusRule.window=60", "got number, want string"),
        ("prometheusRule.latency.ratio=0", "minimum: got 0, want 1"),
        ("prometheusRule.errors.ratio=5", "maximum: got 5, want 1"),
        ("images.operator.digest=latest", "does not match pattern"),
        ("alertmanagerConfig.maxAlerts=0", "minimum: got 0, want 1"),
    ],
)
def test_the_schema_refuses(option: str, message: str) -> None:
    done = template("--set", option)
    assert done.returncode != 0, f"--set {option} was accepted"
    assert message in done.stderr


def test_every_value_is_in_the_schema_and_every_property_has_a_default() -> None:
    """values.yaml documents all that the schema allows: they list the same names at every level."""
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    assert list(_unmatched(yaml.safe_load((CHART / "values.yaml").read_text()), schema, schema["$defs"], "")) == []


def _unmatched(value: object, schema: dict, defs: dict, path: str) -> "list[str]":
    if "$ref" in schema:
        schema = defs[schema["$ref"].rsplit("/", 1)[1]]
    if (
        not isinstance(value, dict)
        or "properties" not in schema
        or path in (".resources.requests", ".resources.limits")
    ):
        return []
    expected = set(schema["properties"]) - {"global"}
    own = [f"{path}.{name}" for name in expected ^ value.keys()]
    return own + [
        problem
        for name in expected & value.keys()
        for problem in _unmatched(value[name], schema["properties"][name], defs, f"{path}.{name}")
    ]
