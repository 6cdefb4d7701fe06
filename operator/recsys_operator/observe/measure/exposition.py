"""Prometheus' text format, as far as a server writes it.

The parser of prometheus_client needs seven times as long: a hundred pods would hold up the event loop, and with it
every rollback, for a quarter of a second.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SAMPLE = re.compile(
    r'([A-Za-z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+([^ \t]+)(?:[ \t]+-?\d+)?', re.ASCII
)
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)', re.ASCII)
_ESCAPE = re.compile(r'\\([\\"n])')

SHORT = 256
"""Characters of labels that are worth remembering; a memory of long ones could be filled by one hostile pod."""


class NotMetrics(Exception):
    """A text that is not in the format; the message names the line."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One line: the value that a series had."""

    name: str
    labels: Mapping[str, str]
    value: float


def samples(text: str, prefix: str = "") -> Iterator[Sample]:
    """The samples whose names begin with `prefix`, in their order; raises NotMetrics on the first line that is none."""
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(" \t\r")
        if not line or line[0] == "#":
            continue
        found = _SAMPLE.fullmatch(line)
        if found is None:
            raise NotMetrics(f"line {number} is no sample: {line[:80]!r}")
        if found[1].startswith(prefix):
            written = found[2] or ""
            labels = _known(written) if len(written) <= SHORT else _labels(written)
            if labels is None:
                raise NotMetrics(f"line {number} has labels that cannot be read: {line[:80]!r}")
            yield Sample(found[1], labels, _value(found[3], number))


@functools.lru_cache(maxsize=4096)
def _known(text: str) -> Mapping[str, str] | None:
    """The labels, read once: those of a pod come again with its next scrape. Not to be changed."""
    return _labels(text)


def _labels(text: str) -> dict[str, str] | None:
    labels, place = {}, 0
    while place < len(text):
        found = _LABEL.match(text, place)
        if found is None:
            return None
        labels[found[1]] = _ESCAPE.sub(_unescaped, found[2])
        place = found.end()
    return labels


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


def _value(text: str, number: int) -> float:
    """Python's float takes +Inf and NaN as the format writes them, but underscores too."""
    try:
        if "_" not in text:
            return float(text)
    except ValueError:
        pass
    raise NotMetrics(f"line {number} has a value that is no number: {text[:40]!r}")
