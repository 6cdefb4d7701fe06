"""What an expression of PromQL names: metrics and labels. Not a parser: promtool judges the syntax elsewhere."""

import re
from collections.abc import Iterator

from hack.gen.metrics import of_operator, of_server

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SELECTOR = re.compile(rf"\b(recsys{NAME[len('[a-zA-Z_:]') :]})\s*(?:\{{([^}}]*)\}})?")
MATCHER = re.compile(rf"({NAME})\s*(?:=~|!~|!=|=)\s*\"")
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
TARGET = frozenset({"namespace", "pod", "deployment", "version", "job", "instance"})
"""Labels that Prometheus gives to the series of an inference pod, as the PodMonitor says."""
SCRAPED = frozenset({"pod", "job", "instance"})
"""And to those of the operator."""


def known() -> dict[str, frozenset[str]]:
    """Every series that there can be, with its labels in Prometheus."""
    found = {name: frozenset(labels) | SCRAPED for one in of_operator() for name, labels in one.series()}
    for one in of_server():
        for name, labels in one.series():
            found[name] = found.get(name, frozenset()) | frozenset(labels) | TARGET
    return found


def faults(expr: str, legend: str = "") -> Iterator[str]:
    """What an expression, or the legend of its series, names and there is not."""
    series = known()
    offered: set[str] = set()
    for name, matchers in SELECTOR.findall(expr):
        if name not in series:
            yield f"{expr}: there is no metric {name}"
            continue
        offered |= series[name]
        for label in MATCHER.findall(matchers):
            if label not in series[name]:
                yield f"{expr}: {name} has no label {label}"
    if not offered:
        yield f"{expr}: names no metric of ours"
    grouped = {label.strip() for group in GROUPING.findall(expr) for label in group.split(",") if label.strip()}
    for label in sorted(grouped - offered):
        yield f"{expr}: no metric in it has the label {label}"
    for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", legend):
        if label not in (grouped or offered):
            yield f"{expr}: its series have no label {label} for the legend"
