"""Under which rules a version's figures compare, in a sentence that stands beside them in its card and the status."""

from recsys_workers.manifest import Manifest
from recsys_workers.tasks import OF_ROWS

LONGEST = 1024
"""Characters that status.result.protocol has room for; what the trainer says of a protocol takes some 500."""


def sentence(described: Manifest) -> str:
    """Split, what was evaluated, candidates, exclusion, ties, cutoff and intervals, without an end of the sentence."""
    protocol = described.protocol
    rules = _rows(described) if described.task in OF_ROWS else _lists(described)
    return f"{protocol['name']}{cuts(described)}: {protocol['split']}; {rules}; intervals: {protocol['interval']}"


def of_status(described: Manifest) -> str | None:
    """The sentence as status.result.protocol has room for it; None where an earlier release did not write all down."""
    try:
        whole = f"{sentence(described)}."
    except KeyError:
        return None
    return whole if len(whole) <= LONGEST else f"{whole[: LONGEST - 1]}…"


def cuts(described: Manifest) -> str:
    """Where a split by time cut, in brackets; empty for the others."""
    protocol = described.protocol
    if "testFrom" not in protocol:
        return ""
    return f" (validationFrom {protocol['validationFrom']}, testFrom {protocol['testFrom']})"


def _lists(described: Manifest) -> str:
    protocol = described.protocol
    seen = "excluded" if protocol["excludeSeen"] else "included"
    return (
        f"{protocol['evaluatedTargets']} targets of {protocol['evaluatedUsers']} users, all items ranked, items that "
        f"the user had {seen}, tied scores counted against the model, a metric at k by the first k items of a list"
    )


def _rows(described: Manifest) -> str:
    protocol = described.protocol
    return (
        f"{protocol['trainedRows']} rows trained, {protocol['validatedRows']} validated, "
        f"{protocol['evaluatedRows']} tested"
    )
