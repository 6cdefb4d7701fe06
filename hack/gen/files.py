"""Generated files in a checkout: writing them, and finding those that are not what would be written."""

from collections.abc import Mapping
from pathlib import Path


def write(root: Path, files: Mapping[Path, str]) -> None:
    """Write every file, whose path is relative to `root`."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def differences(root: Path, files: Mapping[Path, str], command: str) -> list[str]:
    """One sentence for each file that is missing or differs; `command` writes them."""
    faults = []
    for path, text in files.items():
        if not (root / path).exists():
            faults.append(f"{path} is missing: run `{command}` and commit it.")
        elif (root / path).read_text() != text:
            faults.append(f"{path} is stale: run `{command}` and commit the result.")
    return faults


def strangers(root: Path, folder: Path, pattern: str, files: Mapping[Path, str], owner: str) -> list[str]:
    """One sentence for each file in `folder` that nothing generates any more; `owner` is what it would belong to."""
    found = (path.relative_to(root) for path in sorted((root / folder).glob(pattern)))
    return [f"{path} belongs to no {owner}: delete it." for path in found if path not in files]
