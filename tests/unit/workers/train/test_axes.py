"""Where the names of a run stand among those of a version."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from recsys_workers.train import axes
from recsys_workers.train.axes import NEW, Axis

NAMES = st.lists(st.text(max_size=3), unique=True)


@given(NAMES, NAMES)
def test_each_name_is_found_where_it_stands(theirs: list[str], ours: list[str]) -> None:
    found = axes.by_name(theirs, ours)
    assert (len(found), found.theirs, found.known) == (len(ours), len(theirs), len(set(ours) & set(theirs)))
    for name, place in zip(ours, found.places.tolist(), strict=True):
        assert place == (theirs.index(name) if name in theirs else NEW)


@given(st.lists(st.tuples(NAMES, NAMES), max_size=4))
def test_a_chain_is_that_of_all_names_one_after_the_other(pairs: list[tuple[list[str], list[str]]]) -> None:
    found = axes.chained(axes.by_name(theirs, ours) for theirs, ours in pairs)
    theirs, ours = ([f"{number} {name}" for number, pair in enumerate(pairs) for name in pair[side]] for side in (0, 1))
    expected = axes.by_name(theirs, ours)
    assert (found.places.tolist(), found.theirs) == (expected.places.tolist(), expected.theirs)


def test_they_are_read_back(tmp_path: Path) -> None:
    axes.write(tmp_path, {"items": axes.by_name(["a", "b"], ["b", "c"]), "classes": axes.by_name([], [])})
    found = axes.read(tmp_path)
    assert {name: (axis.places.tolist(), axis.theirs) for name, axis in found.items()} == {
        "items": ([1, NEW], 2),
        "classes": ([], 0),
    }
    assert isinstance(found["items"], Axis)
