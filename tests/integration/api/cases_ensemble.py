"""TrainingRun with an ensemble: one wrong manifest and its correction for each rule and bound that it brings."""

from tests.integration.api.case import ABSENT, Case, Manifest, edited

BASE: Manifest = {
    "apiVersion": "recsys.dev/v1alpha1",
    "kind": "TrainingRun",
    "metadata": {"name": "movies-both"},
    "spec": {
        "modelRef": {"name": "movies"},
        "dataset": {"uri": "pvc://data/ml-100k.inter", "format": "RecBole"},
        "ensemble": {"method": "Scores", "versions": [1, 2]},
        "ray": {"workers": 1, "resourcesPerWorker": {}},
    },
}
SEEDS: Manifest = edited(BASE, "spec.ensemble", {"seeds": [1, 2]})
SEEDS["spec"]["hyperparameters"] = {"epochs": "2"}
ITEMS = {"uri": "pvc://data/items.csv", "idColumn": "item_id", "attributes": [{"name": "brand"}]}
SEEDS["spec"]["dataset"] = {**BASE["spec"]["dataset"], "items": ITEMS}
ONE_OF = "spec.ensemble must set exactly one of: versions, seeds"
SAME_BEGINNING = (
    "spec.ensemble.method Weights needs versions that began with the same one (initFrom): networks of different seeds "
    "have nothing in common that a mean of their weights would keep; use Scores"
)
NOT_BOTH = (
    "spec.ensemble and spec.initFrom exclude each other: let the versions of the ensemble be of runs with initFrom"
)
ONE_POD = (
    "spec.ray.workers must be 1 with spec.ensemble, and maxWorkers absent: its members are trained and fused in one pod"
)
NO_SEARCH = "spec.ensemble and spec.tuning exclude each other: search first, and fuse with what the search has found"
SEARCH = {"parameters": [{"name": "dropout", "values": ["0.1", "0.2"]}], "maxTrials": 2}
NINE = list(range(1, 10))


def nothing_is_trained(field: str) -> str:
    """What is said where a run that trains nothing names what to train with."""
    return f"spec.{field} must be left out with spec.ensemble.versions, which trains nothing: the members keep theirs"


CASES: list[Case] = [
    Case("spec.ensemble", "rule", {}, {"versions": [3, 1]}, ONE_OF, base=BASE),
    Case("spec.ensemble", "rule", {"versions": [1, 2], "seeds": [1, 2]}, {"seeds": [0, 1]}, ONE_OF, base=BASE),
    Case(
        "spec.ensemble.method", "enum", "Probabilities", "Weights", 'supported values: "Scores", "Weights"', base=BASE
    ),
    Case("spec.ensemble.method", "rule", "Weights", "Scores", SAME_BEGINNING, about="spec.ensemble", base=SEEDS),
    *(
        case
        for field, base in (("versions", BASE), ("seeds", SEEDS))
        for case in (
            Case(f"spec.ensemble.{field}", "minItems", [1], [1, 2], "should have at least 2 items", base=base),
            Case(f"spec.ensemble.{field}", "maxItems", NINE, NINE[1:], "must have at most 8 items", base=base),
            Case(f"spec.ensemble.{field}", "unique", [1, 2, 1], [1, 2, 3], "Duplicate value", base=base),
            Case(f"spec.ensemble.{field}[1]", "maximum", 2147483648, 2147483647, "less than or equal", base=base),
        )
    ),
    Case("spec.ensemble.versions[1]", "minimum", 0, 2, "should be greater than or equal to 1", base=BASE),
    Case("spec.ensemble.seeds[1]", "minimum", -1, 0, "should be greater than or equal to 0", base=SEEDS),
    Case(
        "spec.initFrom", "rule", {"version": 1}, ABSENT, NOT_BOTH, about="spec", base=edited(BASE, "spec.initFrom", {})
    ),
    Case("spec.ray.workers", "rule", 2, 1, ONE_POD, about="spec", base=BASE),
    Case("spec.ray.workers", "rule", 2, 1, ONE_POD, about="spec", base=SEEDS),
    Case("spec.tuning", "rule", SEARCH, ABSENT, NO_SEARCH, about="spec", base=edited(BASE, "spec.tuning", {})),
    Case(
        "spec.hyperparameters",
        "rule",
        {"epochs": "2"},
        ABSENT,
        nothing_is_trained("hyperparameters"),
        about="spec",
        base=edited(BASE, "spec.hyperparameters", {}),
    ),
    Case(
        "spec.dataset.items",
        "rule",
        ITEMS,
        ABSENT,
        nothing_is_trained("dataset.items"),
        about="spec",
        base=edited(BASE, "spec.dataset.items", {}),
    ),
]
