"""The commands of the examples' READMEs, as a reader types them; `examples/movielens` is the main job itself."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.cluster import ROOT, binaries, kubeconfig

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400)]

EXAMPLES = ROOT / "examples"
FLOOR, MARGIN = 0.835, 0.001
"""What the gate of the churn example asks for, and by how much at least the winner of its search is above.

Without that, another version of torch that turns a few of the 9,795 test rows makes the example fail.
"""


def commands(example: str, section: str = "") -> list[str]:
    """The indented lines of a README, or of one of its sections, that are typed in order."""
    lines = (EXAMPLES / example / "README.md").read_text().splitlines()
    if section:
        lines = lines[lines.index(f"## {section}") + 1 :]
        lines = lines[: next((at for at, line in enumerate(lines) if line.startswith("## ")), len(lines))]
    return [line[4:] for line in lines if line.startswith("    ")]


def asked(lines: list[str], after: int = 0) -> int:
    """How many of them there are up to the first question to what is served that comes `after` so many."""
    return 1 + next(at for at, line in enumerate(lines) if at >= after and line.startswith("curl "))


def script(lines: list[str]) -> str:
    """One that ends at the first command that fails."""
    return "\n".join(["set -euo pipefail", "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT", *lines]) + "\n"


class Reader:
    """Somebody at a shell in the root of the checkout, whose context nobody else uses."""

    def __init__(self, home: Path) -> None:
        copy = home / "kubeconfig"
        shutil.copy(kubeconfig(), copy)
        path = f"{binaries()}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "KUBECONFIG": str(copy)}

    def types(self, lines: list[str]) -> str:
        """The last line of what they print; empty where they print nothing."""
        own = [line.replace("$PWD/.local/kubeconfig", "$KUBECONFIG") for line in lines]
        done = subprocess.run(
            ["bash", "-xc", script(own)], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        print(done.stdout, done.stderr, sep="\n")
        assert done.returncode == 0, done.stderr[-2000:]
        return (done.stdout.strip().splitlines() or [""])[-1]

    def asks(self, lines: list[str]) -> dict[str, Any]:
        """What a curl answers that is the last command."""
        assert lines[-1].startswith("curl "), lines[-1]
        return dict(json.loads(self.types(lines)))


@pytest.fixture
def reader(tmp_path: Path, namespace: str) -> Iterator[Reader]:
    """A reader who begins without the example's namespace, and who deletes it in the end."""
    made = Reader(tmp_path)
    delete = f"kubectl delete namespace {namespace} --ignore-not-found --timeout=180s"
    made.types([delete])
    yield made
    made.types([delete])


@pytest.mark.parametrize(
    ("example", "namespace", "rows", "models"),
    [
        ("churn", "churn", 1, ["churn"]),
        ("census", "census", 2, ["income-mlp", "income-linear"]),
        ("reviews", "reviews", 2, ["reviews"]),
        ("movielens-ranking", "movies-ranking", 3, ["movies-dcn", "movies-logistic"]),
    ],
)
def test_a_table_is_learned_and_served(
    reader: Reader, example: str, namespace: str, rows: int, models: list[str]
) -> None:
    lines = commands(example)
    done = 0
    for model in models:
        to = asked(lines, done)
        answer = reader.asks(lines[done:to])
        assert answer["model"] == model, answer
        assert len(answer["predictions"]) == rows, answer
        done = to


@pytest.mark.parametrize(
    ("namespace", "section", "shown"),
    [
        ("census", "A number: hours a week", {"value"}),
        ("census", "One of several: marital status", {"label", "probabilities"}),
    ],
    ids=["Regression", "Multiclass"],
)
def test_another_column_of_the_census_is_learned_and_served(
    reader: Reader, namespace: str, section: str, shown: set[str]
) -> None:
    lines = commands("census")
    data = lines[: next(at for at, line in enumerate(lines) if "model.yaml" in line)]
    more = commands("census", section)
    answer = reader.asks([*data, *more[: asked(more)]])
    assert [set(one) for one in answer["predictions"]] == [shown, shown], answer


@pytest.mark.parametrize("namespace", ["churn"])
def test_hyperparameters_are_searched_for(reader: Reader, namespace: str) -> None:
    """In place of the run whose hyperparameters are given."""
    lines = commands("churn")
    data = lines[: next(at for at, line in enumerate(lines) if "model.yaml" in line)]
    model = f"kubectl apply -f examples/{namespace}/model.yaml"
    found = json.loads(reader.types([*data, model, *lines[asked(lines) :]]))
    print(json.dumps(found, indent=2))
    assert found["trials"] == 12
    assert found.get("endedEarly", 0) > 0, "trials that are behind end early"
    assert not found.get("failed"), found
    assert found["hyperparameters"].keys() == {"learningRate", "hiddenSize", "layers", "dropout"}
    result = json.loads(reader.types(["kubectl get trun churn-tuned -o jsonpath='{.status.result}'"]))
    print(json.dumps(result["metrics"], indent=2))
    reached = next(float(one["value"]) for one in result["metrics"] if one["name"] == "Accuracy")
    assert reached > FLOOR + MARGIN, "the gate is passed by a hair"


@pytest.mark.parametrize("namespace", ["baskets"])
def test_a_cart_is_completed(reader: Reader, namespace: str) -> None:
    answer = reader.asks(commands("baskets"))
    assert len({item["id"] for item in answer["items"]} - {"sku-0161", "sku-0209"}) == 3, answer


@pytest.mark.parametrize("namespace", ["movies-retrieval"])
def test_films_are_retrieved(reader: Reader, namespace: str) -> None:
    begin = [f"kubectl create namespace {namespace}", f"kubectl config set-context --current --namespace={namespace}"]
    lines = commands("movielens-retrieval")
    first = asked(lines)
    answers = [reader.asks([*begin, *commands("movielens", "The data"), *lines[:first]]), reader.asks(lines[first:])]
    assert [answer["model"] for answer in answers] == ["movies-bpr", "movies-twotower"]
    for answer in answers:
        assert len({item["id"] for item in answer["items"]} - {"50", "172"}) == 3, answer


@pytest.mark.parametrize(
    ("namespace", "section"),
    [
        ("movies-bsarec", "Another architecture: BSARec"),
        ("movies-decoder", "Another architecture: a decoder"),
    ],
)
def test_films_are_learned_by_another_architecture(reader: Reader, namespace: str, section: str) -> None:
    begin = [f"kubectl create namespace {namespace}", f"kubectl config set-context --current --namespace={namespace}"]
    answer = reader.asks([*begin, *commands("movielens", "The data"), *commands("movielens", section)])
    assert len({item["id"] for item in answer["items"]} - {"50", "172"}) == 3, answer


@pytest.mark.parametrize("namespace", ["movies-more"])
def test_films_are_learned_with_what_they_are_and_with_three_seeds(reader: Reader, namespace: str) -> None:
    """By the two runs that are no part of the main job."""
    begin = [f"kubectl create namespace {namespace}", f"kubectl config set-context --current --namespace={namespace}"]
    reader.types([*begin, *commands("movielens", "The data"), "kubectl apply -f examples/movielens/model.yaml"])
    made = {}
    for name in ("items", "ensemble"):
        [apply] = [line for line in commands("movielens") if f"/{name}-run.yaml" in line]
        reader.types([apply, f"kubectl wait --for=condition=Succeeded trun/movies-{name} --timeout=20m"])
        made[name] = json.loads(reader.types([f"kubectl get trun movies-{name} -o jsonpath='{{.status.result}}'"]))
    print(json.dumps(made, indent=2))
    assert [made["items"]["version"], made["ensemble"]["version"]] == [1, 2]
    assert made["ensemble"]["ensemble"] == {"method": "Scores", "seeds": [1, 2, 3]}
