"""What the documentation names exists: links, anchors, files, Makefile targets, values of the chart, fields."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.docs.pages import CODE_WORD, FENCE, ROOT, anchors, blocks, commands, files, pages, prose

from recsys_operator.api.kinds import KINDS

LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
TARGET = re.compile(r"^([a-z0-9][a-z0-9-]*)(?: [a-z0-9-]+)*:", re.MULTILINE)
FIELD = re.compile(r"(spec|status)((?:\.[a-z][A-Za-z]*(?:\[\*?\])?)+)")
VALUE = re.compile(r"--set(?:-string|-json|-file)?[ =]'?([A-Za-z][A-Za-z.]*)=")
FOLDERS = ("operator", "workers", "charts", "hack", "docs", "tests", "examples", "crds", "requirements", ".ci")
HOST = re.compile(r"(?:https?|docker)://([A-Za-z0-9.-]+)")
HOSTS = {"github.com", "kubernetes.io", "keepachangelog.com", "semver.org", "prometheus.io", "127.0.0.1"} | {
    "kueue.sigs.k8s.io",
    "docs.ray.io",
    "ray-project.github.io",
}
OTHERS = {"status.parents", "status.parents[].conditions"}
"""Fields of kinds that are not ours: an HTTPRoute's."""

page = pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))


@cache
def known_files() -> frozenset[str]:
    names = files()
    return frozenset(names) | {str(parent) for name in names for parent in Path(name).parents}


@cache
def targets() -> frozenset[str]:
    declared = (ROOT / "Makefile").read_text()
    return frozenset(name for line in TARGET.finditer(declared) for name in line.group(0).rstrip(":").split())


@cache
def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "charts/recsys-operator/values.yaml").read_text())
    return found


def has_value(name: str) -> bool:
    at: Any = values()
    for part in name.split("."):
        if not isinstance(at, dict) or part not in at:
            return False
        at = at[part]
    return True


@cache
def fields() -> frozenset[str]:
    """Every field of the three kinds, as `spec.gates.name` (without marks for lists)."""
    found: set[str] = set()

    def walk(schema: Any, path: str) -> None:
        found.add(path)
        for name, inner in schema.get("properties", {}).items():
            walk(inner, f"{path}.{name}")
        if "items" in schema:
            walk(schema["items"], path)

    for kind in KINDS:
        crd = yaml.load((ROOT / f"crds/{kind.group}_{kind.plural}.yaml").read_text(), Loader=yaml.CSafeLoader)
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        for part in ("spec", "status"):
            walk(schema[part], part)
    return frozenset(found)


@page
def test_relative_links_and_anchors_exist(path: Path) -> None:
    broken = []
    for one, other in LINK.findall(CODE_WORD.sub("", FENCE.sub("", path.read_text()))):
        link = one or other
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        name = str(target.relative_to(ROOT)) if target.is_relative_to(ROOT) else link
        if name not in known_files():
            broken.append(f"{link}: there is no {name}")
        elif anchor and anchor not in anchors(target.read_text()):
            broken.append(f"{link}: {name} has no heading #{anchor}")
    assert not broken


@page
def test_named_files_exist(path: Path) -> None:
    """Words in backticks that look like a path of the project, and such paths in commands."""
    text = path.read_text()
    firsts = {word.split()[0] for word in CODE_WORD.findall(prose(text)) if word.strip()}
    words = {word for word in firsts if word.startswith(tuple(f"{name}/" for name in FOLDERS))}
    words |= {
        word for line in commands(text) for word in line.split() if word.startswith(("charts/", "hack/", "examples/"))
    }
    wanted = {word.rstrip("/").removesuffix("/*") for word in words if not set(word) & set("<>{}*…")}
    assert wanted - known_files() == set()


@page
def test_named_make_targets_exist(path: Path) -> None:
    text = path.read_text()
    lines = [*CODE_WORD.findall(prose(text)), *commands(text)]
    found = re.compile(r"(?:^|[ A-Z0-9=./]+ )make ((?:[a-z][a-z0-9-]*(?: |$))+)")
    named = {name for line in lines if (match := found.match(line.split("#")[0])) for name in match.group(1).split()}
    assert named - targets() == set()


@page
def test_named_values_of_the_chart_exist(path: Path) -> None:
    named = {name for line in commands(path.read_text()) for name in VALUE.findall(line)}
    assert {name for name in named if not has_value(name)} == set()


@page
def test_named_fields_exist(path: Path) -> None:
    """Fields of the three kinds in backticks, such as `spec.rollback.warmSeconds`."""
    named = {word for word in CODE_WORD.findall(prose(path.read_text())) if FIELD.fullmatch(word)}
    unknown = {word for word in named - OTHERS if re.sub(r"\[\*?\]", "", word) not in fields()}
    assert unknown == set()


def test_the_table_of_values_names_values_that_exist() -> None:
    text = (ROOT / "docs/how-to/install.md").read_text() + (ROOT / "docs/how-to/monitoring.md").read_text()
    tops = tuple(f"{name}." for name in values())
    named = {
        word.removesuffix(".*") for word in CODE_WORD.findall(prose(text)) if word.startswith(tops) and "=" not in word
    }
    assert len(named) > 10
    assert {name for name in named if not has_value(name)} == set()


def test_the_table_of_rules_tells_the_defaults() -> None:
    text = (ROOT / "docs/how-to/monitoring.md").read_text()
    told = {
        name: yaml.safe_load(f"{{{default}}}")
        for name, default in re.findall(r"\| `prometheusRule\.(\w+)` \| `([^`]+)` \|", text)
    }
    assert told == {
        name: {field: value for field, value in rule.items() if field != "enabled"}
        for name, rule in values()["prometheusRule"].items()
        if isinstance(rule, dict) and "enabled" in rule
    }
    assert "no version with less than one request a second (`prometheusRule.minRequestsPerSecond`)" in text
    assert values()["prometheusRule"]["minRequestsPerSecond"] == 1


def test_the_list_of_decisions_has_all_of_them() -> None:
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"^- \[.+\]\((.+)\)$", (folder / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in folder.glob("*.md") if path.name != "README.md")


def test_blocks_of_yaml_can_be_read() -> None:
    for path in pages():
        for block in blocks(path.read_text()):
            if block.language == "yaml":
                list(yaml.safe_load_all(block.text))


def test_addresses_are_of_hosts_that_everybody_reaches() -> None:
    """Examples, this project and the documents that it rests on: no mirror, no registry, no address of one machine."""
    found = {host for path in pages() for host in HOST.findall(path.read_text())}
    assert {host for host in found if host not in HOSTS and not host.endswith((".example.com", ".svc"))} == set()
