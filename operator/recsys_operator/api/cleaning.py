"""What a TrainingRun leaves out of its data, in a fixed order."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from recsys_operator.api.schema import ColumnName, Decimal, Model, Rule, listing

MOMENT = (
    r"^(-?[0-9]{1,19}(\.[0-9]{1,9})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)$"
)
Moment = Annotated[str | int, WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": MOMENT, "maxLength": 35})]


Share = Annotated[str, Field(max_length=16, pattern=r"^0\.[0-9]+$")]


class TimeWindow(Model):
    """Rows outside of it are dropped. Written as the data's timestamps are: ISO 8601 times (UTC without an offset), or numbers."""

    CEL = (Rule("has(self.from) || has(self.to)", "cleaning.timeWindow must set from, to, or both"),)

    from_: Moment | None = Field(
        None, alias="from", description='The first time that is kept, such as "2026-01-01" or 1767225600.'
    )
    to: Moment | None = Field(None, description="The first time that is not kept any more.")


class Bounds(Model):
    """Rows whose value in a column of numbers lies outside are dropped; one without a value stays."""

    CEL = (
        Rule("has(self.min) || has(self.max)", "cleaning.bounds must set min, max, or both"),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "cleaning.bounds: min must not exceed max",
        ),
    )

    column: ColumnName = Field(description="A Numeric column of the RecModel's schema, or the Label of Regression.")
    min: Decimal | None = Field(None, description="The smallest value that is kept.")
    max: Decimal | None = Field(None, description="The largest value that is kept.")


class Quantiles(Model):
    """Rows beyond the quantiles of a column of numbers are dropped; one without a value stays."""

    CEL = (
        Rule("has(self.lower) || has(self.upper)", "cleaning.quantiles must set lower, upper, or both"),
        Rule(
            "!has(self.lower) || !has(self.upper) || double(self.lower) < double(self.upper)",
            "cleaning.quantiles: lower must be less than upper",
        ),
    )

    column: ColumnName = Field(description="A Numeric column of the RecModel's schema, or the Label of Regression.")
    lower: Share | None = Field(
        None, description='The share of the values below the smallest one that is kept, such as "0.001".'
    )
    upper: Share | None = Field(
        None, description='The share of the values below the largest one that is kept, such as "0.999".'
    )


class Cleaning(Model):
    """Which rows are dropped before the data is split, in this order: missing, timeWindow, bounds, quantiles, duplicates,
    min…Interactions.

    A model that learns from interactions has no bounds and quantiles, and a Tabular one no min…Interactions; with such a rule
    its run ends with InvalidData.
    """

    missing: Literal["Fail", "Drop"] = Field(
        "Fail",
        description="A row without a user, an item or a timestamp, or with ByColumn a part (Tabular and Ranking: any column that may not be "
        "missing): Fail ends the run, Drop drops the row.",
    )
    time_window: TimeWindow | None = Field(None, description="Which times are kept.")
    bounds: tuple[Bounds, ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        json_schema_extra=listing("map", keys=("column",)),
        description="Which values of columns of numbers are kept.",
    )
    quantiles: tuple[Quantiles, ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        json_schema_extra=listing("map", keys=("column",)),
        description="Which values of columns of numbers are kept, by the quantiles of the rows that bounds left.",
    )
    duplicates: Literal["KeepAll", "KeepFirst", "KeepLast"] = Field(
        "KeepAll",
        description="Of rows with the same user, item and timestamp, whatever their parts (Tabular and Ranking: the same value in every "
        "column that is read): keep all, the first or the last one.",
    )
    min_user_interactions: int | None = Field(
        None,
        ge=2,
        le=1000000,
        description="Users with fewer rows are dropped; with minItemInteractions until nothing changes.",
    )
    min_item_interactions: int | None = Field(
        None,
        ge=2,
        le=1000000,
        description="Items with fewer rows are dropped; with minUserInteractions until nothing changes.",
    )
