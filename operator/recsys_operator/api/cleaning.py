"""What a TrainingRun leaves out of its data, in a fixed order."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from recsys_operator.api.schema import Model, Rule

MOMENT = (
    r"^(-?[0-9]{1,19}(\.[0-9]{1,9})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)$"
)
Moment = Annotated[str | int, WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": MOMENT, "maxLength": 35})]


class TimeWindow(Model):
    """Rows outside of it are dropped. Written as the data's timestamps are: ISO 8601 times (UTC without an offset), or numbers."""

    CEL = (Rule("has(self.from) || has(self.to)", "cleaning.timeWindow must set from, to, or both"),)

    from_: Moment | None = Field(
        None, alias="from", description='The first time that is kept, such as "2026-01-01" or 1767225600.'
    )
    to: Moment | None = Field(None, description="The first time that is not kept any more.")


class Cleaning(Model):
    """Which rows are dropped before the data is split, in this order: missing, timeWindow, duplicates, min…Interactions.

    A Tabular or a Ranking model has the first two only; with another one its run ends with InvalidData.
    """

    missing: Literal["Fail", "Drop"] = Field(
        "Fail",
        description="A row without a user, an item or a timestamp (Tabular and Ranking: any column that may not be missing): Fail ends "
        "the run, Drop drops the row.",
    )
    time_window: TimeWindow | None = Field(None, description="Which times are kept.")
    duplicates: Literal["KeepAll", "KeepFirst", "KeepLast"] = Field(
        "KeepAll", description="Of rows with the same user, item and timestamp: keep all, the first or the last one."
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
