"""The documentation as text: pages, their headings, code blocks and tables."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
FENCE = re.compile(r"^( *)(```+)([A-Za-z]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^|\n)\n((?: {4}.*\n|\n(?= {4}))+)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
CODE_WORD = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    """A fenced block of code: its language (empty when none is said) and its text, without its indent."""

    language: str
    text: str


def pages() -> list[Path]:
    """Every page that people read."""
    names = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "charts/recsys-operator/README.md", "benchmarks/README.md"]
    examples = sorted((ROOT / "examples").rglob("*.md"))
    return [*(ROOT / name for name in names), *sorted((ROOT / "docs").rglob("*.md")), *examples]


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    found = []
    for indent, _, language, body in FENCE.findall(text):
        lines = (line.removeprefix(indent) for line in body.splitlines())
        found.append(Block(language, "\n".join(lines) + "\n"))
    return found


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return INDENTED.sub("\n\n", FENCE.sub("", text))


def commands(text: str) -> Iterator[str]:
    """The lines of all blocks of code of a page; a line that ends with a backslash goes on in the next one."""
    indented = "".join(INDENTED.findall(FENCE.sub("", text)))
    for block in [*blocks(text), Block("", indented)]:
        yield from block.text.replace("\\\n", " ").splitlines()


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings."""
    slugs: dict[str, int] = {}
    found = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = slugs.get(slug, 0)
        slugs[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def table_words(text: str, name: str) -> list[str]:
    """The words in backticks of the first column of the table that follows `<!-- reasons: name -->`."""
    marker = f"<!-- reasons: {name} -->"
    assert marker in text, f"docs/concepts.md has no table marked {marker}"
    lines = text.split(marker, 1)[1].lstrip("\n").splitlines()
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(line)
    return [word for row in rows[2:] for word in CODE_WORD.findall(row.split("|")[1])]


def files() -> list[str]:
    """The project's files: those that git knows, and new ones that it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
