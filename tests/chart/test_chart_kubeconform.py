"""Every object of the chart against the schemas of the Kubernetes version that the project runs on."""

from pathlib import Path

import pytest
from tests.chart.tools import VALUES, rendered, run, tool

# Their CRDs belong to the Prometheus operator, which is not installed here; promtool judges the rules elsewhere.
WITHOUT_SCHEMA = "PrometheusRule,PodMonitor,AlertmanagerConfig"


def kubeconform(schemas: Path, text: str) -> tuple[int, str]:
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    done = run(
        tool("kubeconform"), "-strict", "-summary", "-skip", WITHOUT_SCHEMA, "-schema-location", location, stdin=text
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_everything_conforms(values: Path, kubernetes_schemas: Path) -> None:
    code, output = kubeconform(kubernetes_schemas, rendered("--values", values))
    assert code == 0, output
    skipped = 5 if values.stem == "monitoring" else 0
    assert f"Invalid: 0, Errors: 0, Skipped: {skipped}" in output


def test_a_field_that_kubernetes_does_not_know_is_found(kubernetes_schemas: Path) -> None:
    text = rendered().replace("enableServiceLinks: false", "enableServiceLink: false")
    code, output = kubeconform(kubernetes_schemas, text)
    assert code != 0
    assert "enableServiceLink" in output
