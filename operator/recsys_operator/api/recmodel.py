"""RecModel: the product line. What is learned, and what "good" means."""

from typing import Literal

from pydantic import Field, field_validator

from recsys_operator.api.architectures import described
from recsys_operator.api.by_task import SMALLER_IS_BETTER, TASK_RULES
from recsys_operator.api.columns import Schema
from recsys_operator.api.common import Condition, LocalRef, Members, MetricValue, Origin, one_of
from recsys_operator.api.schema import (
    NAME_RULES,
    Column,
    ColumnName,
    Decimal,
    Digest,
    Hyperparameters,
    Kind,
    Location,
    MetricName,
    Model,
    ObjectName,
    Rule,
    listing,
)

TableFormat = Literal["RecBole", "CSV"]

LARGEST_TOLERANCE = 0.01
"""Of a parity gate. What float32 and another order of additions make of one score is some thousand times smaller."""


class Architecture(Model):
    """Which network is trained, with the defaults of its hyperparameters."""

    name: str = Field(
        json_schema_extra={"enum": list(described())},
        description=" ".join(described().values()),
    )
    hyperparameters: Hyperparameters | None = Field(
        None, description="Values by name, all written as strings; a TrainingRun may override each."
    )

    @field_validator("name")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in described():
            raise ValueError(f"the architecture {name!r} does not exist: use one of {', '.join(described())}")
        return name


class Catalogue(Model):
    """The item table that gives an id its title. It is read when a server starts; no new version is needed."""

    uri: Location = Field(
        description="Where the table is, as pvc://<claim>/<path>. Pods of runs and servers wait for a claim that does not exist."
    )
    format: TableFormat = Field("CSV", description="RecBole (tab separated, typed header) or CSV.")
    id_column: ColumnName = Field(description="Column that holds the item id.")
    title_column: ColumnName = Field(description="Column that holds the title.")


class ByTime(Model):
    """Where the cuts in time are: which share of the rows, the latest ones, is held out."""

    validation_percent: int = Field(
        10, ge=1, le=40, description="Share of the rows that validates: those before the test rows."
    )
    test_percent: int = Field(10, ge=1, le=40, description="Share of the rows that tests: the latest ones.")


class ByRatio(Model):
    """Which share of the rows is held out; of lists which share of each user's rows."""

    validation_percent: int = Field(
        10, ge=1, le=40, description="Share of the rows that validates; of lists those before the test rows."
    )
    test_percent: int = Field(
        10, ge=1, le=40, description="Share of the rows that tests; of lists the latest ones of each user."
    )
    folds: int | None = Field(
        None,
        ge=2,
        le=20,
        description="Cross-validation besides: the rows that do not test are dealt into so many folds, each judged by a model of its "
        "own that learned from the others. It takes as many trainings more; none when absent. Tabular and Ranking only.",
    )


class Evaluation(Model):
    """How a model is judged: which users and items, and which figures."""

    CEL = (
        Rule(
            "!has(self.byRatio) || self.protocol == 'ByRatio'",
            "evaluation.byRatio needs evaluation.protocol ByRatio: set that, or leave byRatio out",
        ),
        Rule(
            "!has(self.byTime) || self.protocol == 'ByTime'",
            "evaluation.byTime needs evaluation.protocol ByTime: set that, or leave byTime out",
        ),
    )

    protocol: Literal["LeaveOneOut", "ByTime", "ByRatio", "ByColumn"] = Field(
        "ByTime",
        description="ByTime: two moments cut the data of all users, each row after a cut is to be told from what its user did "
        "before it. LeaveOneOut, for the papers' tables: each user's last item tests, the one before validates, so the training "
        "knows other users' later rows. ByRatio: each user's latest rows test, so many percent of them, those before validate. "
        "ByColumn: as the Split column says, where each user's rows train, then validate, then test. All items are ranked. Tabular and "
        "Ranking have ByTime, ByRatio (rows are dealt at random, alike in all runs) and ByColumn, in any order.",
    )
    by_time: ByTime | None = Field(None, description="The cuts of ByTime; a tenth each when absent.")
    by_ratio: ByRatio | None = Field(None, description="The shares of ByRatio; a tenth each when absent.")
    exclude_seen: bool = Field(True, description="Leave out items that the user already had, here and when serving.")
    metrics: tuple[MetricName, ...] = Field(
        min_length=1,
        max_length=10,
        json_schema_extra=listing("set"),
        description="Figures to compute. SequentialRecommendation and Retrieval: NDCG@k, HR@k, MRR@k. Tabular: AUC, "
        "LogLoss, Accuracy, Precision, Recall, F1 (Binary; Multiclass without AUC, the last three averaged over classes), RMSE, MAE (Regression). Ranking: "
        "AUC, GAUC (the users' own AUC, weighted by their rows), LogLoss.",
    )


class FloorGate(Model):
    """The metric must reach a value, or be better than a baseline on the same users."""

    CEL = (
        one_of("min", "max", "against", subject="a floor"),
        Rule("!has(self.min) || !self.min.startsWith('-')", "floor.min must not be negative: metrics are from 0 to 1"),
        # Those with a min: the others, which are better when smaller, have no largest value.
        Rule(
            "!has(self.min) || double(self.min) <= 1.0",
            "floor.min must not exceed 1, or no version would ever pass: metrics are from 0 to 1",
        ),
        Rule(
            "!has(self.max) || !self.max.startsWith('-')",
            "floor.max must not be negative, or no version would ever pass: LogLoss, RMSE and MAE never are",
        ),
        Rule(
            f"has(self.max) == (self.metric in {list(SMALLER_IS_BETTER)})",
            "a floor has max, and no min, if its metric is better when smaller (LogLoss, RMSE, MAE), and only then",
        ),
        Rule(
            "!has(self.against) || self.metric.contains('@')",
            "floor.against is for metrics of lists (NDCG@k, HR@k, MRR@k): give a min or max",
        ),
    )

    metric: MetricName = Field(description="One of spec.evaluation.metrics.")
    min: Decimal | None = Field(None, description='Smallest value that passes, such as "0.03"; from 0 to 1.')
    max: Decimal | None = Field(None, description="Largest value that passes, for LogLoss, RMSE and MAE.")
    against: Literal["Popularity", "ItemKNN"] | None = Field(
        None,
        description="The baseline to be better than (lower bound of the 95 % interval of the difference above 0). "
        "Popularity: items by their count in the training data. ItemKNN: items by their similarity to those of the "
        "history (cosine of the users who had both, 100 neighbours).",
    )


class ChampionGate(Model):
    """The metric must not fall behind the champion, re-scored on the same users."""

    metric: MetricName = Field(description="One of spec.evaluation.metrics.")
    max_regression_percent: int = Field(
        ge=0, le=100, description="How many percent below the champion still pass (lower bound of the 95 % interval)."
    )


class ParityGate(Model):
    """The exported ONNX graph must give the lists, or predictions, that the trained model gives, for all users or rows."""

    CEL = (
        Rule("!self.tolerance.startsWith('-')", "parity.tolerance must not be negative"),
        Rule(
            f"double(self.tolerance) <= {LARGEST_TOLERANCE}",
            f"parity.tolerance must not exceed {LARGEST_TOLERANCE}: a graph that differs by more is another model",
        ),
    )

    tolerance: Decimal = Field(
        "1e-5",
        description="Items whose scores are closer than this may swap places; predictions may differ by this, those above 1 "
        f"by this share of them. At most {LARGEST_TOLERANCE}.",
    )


class LatencyGate(Model):
    """A single client must be answered fast by a real server."""

    p99_milliseconds: int = Field(ge=1, le=60000, description="Largest 99th percentile that passes.")


class Gate(Model):
    """A condition that a version must meet before it can be deployed."""

    CEL = (one_of("floor", "champion", "parity", "latency", subject="a gate"),)

    name: ObjectName = Field(description="Name of the gate, in status and messages.")
    floor: FloorGate | None = Field(None, description="A value or a baseline that a metric must reach.")
    champion: ChampionGate | None = Field(None, description="How far a metric may fall behind the champion.")
    parity: ParityGate | None = Field(None, description="ONNX must equal the trained model.")
    latency: LatencyGate | None = Field(None, description="How fast one client must be answered.")


class Storage(Model):
    """Where versions are kept. The store is never owned: it outlives the RecModel."""

    uri: Location = Field(
        description="Where versions go, as pvc://<claim>/<path>; mind ReadWriteMany on several nodes."
    )


class RecModelSpec(Model):
    """What is learned, from which columns, judged how, kept where."""

    CEL = (
        *(
            Rule(
                f"self.gates.all(g, !has(g.{gate}) || g.{gate}.metric in self.evaluation.metrics)",
                f"the metric of a {gate} gate must be one of spec.evaluation.metrics: correct the gate, or add its metric there",
            )
            for gate in ("floor", "champion")
        ),
        *TASK_RULES,
    )

    task: Literal["SequentialRecommendation", "Retrieval", "Tabular", "Ranking"] = Field(
        description="What is predicted. SequentialRecommendation: the next item of a history, whose order counts. "
        "Retrieval: what goes with the items that a user had, in whatever order (collaborative filtering). "
        "Tabular: a row's label. Ranking: whether a user clicks, or likes, an item, from a row about both. Immutable.",
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": "self == oldSelf", "message": "spec.task is immutable: make another RecModel"}
            ]
        },
    )
    objective: Literal["Binary", "Multiclass", "Regression"] | None = Field(
        None,
        description="What the label of the task Tabular is: one of two classes, of several, or a number. Immutable.",
    )
    architecture: Architecture = Field(description="Which network, with default hyperparameters.")
    schema_: Schema = Field(alias="schema", description="Which column plays which role.")
    catalogue: Catalogue | None = Field(
        None,
        description="Titles of items; without it answers carry ids only. What is wrong with it stops nothing, and no condition "
        "tells of it: answers carry ids and `catalogue: null`, recsys_catalogue_titles of the servers is 0, and a line of "
        "each server's log says why.",
    )
    evaluation: Evaluation = Field(description="How a model is judged.")
    gates: tuple[Gate, ...] = Field(
        min_length=1,
        max_length=16,
        json_schema_extra=listing("map", keys=("name",)),
        description="What a version must meet before it can be deployed.",
    )
    storage: Storage = Field(
        description="Where versions are kept. Immutable.",
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": "self == oldSelf", "message": "spec.storage is immutable: versions live there"}
            ]
        },
    )
    champion_from: LocalRef | None = Field(
        None,
        description=(
            "The Deployment whose completed rollout makes a version the champion. Without one there is no champion, "
            "and a champion gate passes always."
        ),
    )


class ModelVersion(Model):
    """One immutable version of the model."""

    version: int = Field(ge=1, description="Its number.")
    run: str = Field(max_length=63, description="The TrainingRun that made it.")
    uri: str = Field(max_length=1024, description="Where the artifact is.")
    digest: Digest = Field(description="SHA-256 of its manifest, which holds the SHA-256 of every file.")
    verdict: Literal["Passed", "Failed"] = Field(
        description="Whether all gates passed; a Failed version is never deployable."
    )
    metrics: tuple[MetricValue, ...] = Field(
        (), max_length=10, json_schema_extra=listing("map", keys=("name",)), description="Its figures."
    )
    protocol: str | None = Field(
        None,
        max_length=1024,
        description="Under which rules its figures compare, in a sentence; absent of versions that an earlier release made.",
    )
    init_from: Origin | None = Field(
        None, description="The version that its training began with; absent when it began with fresh weights."
    )
    ensemble: Members | None = Field(None, description="What it was fused of; absent when it is a single model.")
    blocked_by: tuple[str, ...] = Field(
        (), max_length=50, json_schema_extra=listing("set"), description="Deployments that rolled it back and block it."
    )


class Champion(Model):
    """The version that new ones are measured against."""

    version: int = Field(ge=1, description="Its number.")
    digest: Digest = Field(description="Its digest.")
    deployment: str = Field(max_length=63, description="The Deployment that made it champion.")


class RecModelStatus(Model):
    """What the operator knows of the model."""

    observed_generation: int | None = Field(None, ge=0, description="The generation of the spec that this is about.")
    latest_version: int | None = Field(None, ge=1, description="The newest version, whatever its verdict.")
    latest_passing_version: int | None = Field(None, ge=1, description="The newest version that passed all gates.")
    champion: Champion | None = Field(None, description="The version that new ones are measured against.")
    versions: tuple[ModelVersion, ...] = Field(
        (),
        max_length=50,
        json_schema_extra=listing("map", keys=("version",)),
        description="The newest versions, oldest first.",
    )
    conditions: tuple[Condition, ...] = Field(
        (), max_length=8, json_schema_extra=listing("map", keys=("type",)), description="Ready is the summary."
    )


RECMODEL = Kind(
    kind="RecModel",
    plural="recmodels",
    short_name="rmod",
    spec=RecModelSpec,
    status=RecModelStatus,
    description="RecModel is a product line: what is learned, how it is judged and where its versions are kept.",
    rules=NAME_RULES,
    columns=(
        Column("Architecture", "string", ".spec.architecture.name"),
        Column("Latest", "integer", ".status.latestVersion"),
        Column("Champion", "integer", ".status.champion.version"),
        Column("Status", "string", '.status.conditions[?(@.type=="Ready")].reason'),
        Column("Age", "date", ".metadata.creationTimestamp"),
    ),
)
