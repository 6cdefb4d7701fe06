"""The one preprocessing of an ensemble's members, and how each of them counts categories and classes.

Members see the same inputs: units of numbers and words of texts must be equal, while categories and classes are found
by name. A version that began with another one has the other's units (see recsys_workers.tabular.continued).
"""

from collections.abc import Sequence

from recsys_workers import manifest, preprocessing
from recsys_workers.preprocessing import Column, Preprocessing
from recsys_workers.tabular.continued import Continued, OtherNetwork, continued, output_names, rows_of
from recsys_workers.tfidf import Text
from recsys_workers.train import axes
from recsys_workers.train.members import Member, refuse, require_whole


def joined(fitted: Preprocessing, members: Sequence[Member]) -> list[Continued]:
    """For each member, in terms of what was fitted on the run's rows; raises AttemptFailed."""
    found: list[Continued] = []
    for member in members:
        theirs = preprocessing.decode(member.version.contents[manifest.PREPROCESSING])
        try:
            one = continued(fitted, theirs, member.number)
        except OtherNetwork as error:
            refuse(str(error))
        _require_whole(member, theirs, one)
        if found:
            _require_same_units(members[0], found[0].preprocessing, member, one.preprocessing)
        found.append(one)
    return found


def _require_whole(member: Member, theirs: Preprocessing, one: Continued) -> None:
    for old, new in zip(theirs.columns, one.preprocessing.columns, strict=True):
        names = rows_of(old, canonical=theirs.canonical), rows_of(new)
        require_whole(axes.by_name(*names), member, f"categories of the column {new.name}", *names)
    names = output_names(theirs.target), output_names(one.preprocessing.target)
    require_whole(one.axes[axes.CLASSES], member, f"classes of the label {theirs.target.name}", *names)


def _require_same_units(first: Member, ours: Preprocessing, other: Member, theirs: Preprocessing) -> None:
    for our, their in (*zip(ours.columns, theirs.columns, strict=True), (ours.target, theirs.target)):
        if our != their:
            refuse(
                f"the column {our.name} is {_units(our)} in version {first.number} and {_units(their)} in version "
                f"{other.number}: one of them began with a version that was made from other rows"
            )


def _units(one: Column | preprocessing.Target) -> str:
    """What a difference of two shows."""
    if isinstance(one, preprocessing.Numeric | preprocessing.Target):
        filled = one.fill if isinstance(one, preprocessing.Numeric) else None
        told = "" if filled is None else f" and filled by {filled:g}"
        return f"counted from {one.mean:g} in steps of {one.scale:g}{told}"
    return f"read by {len(one.words)} words" if isinstance(one, Text) else "coded in another way"
