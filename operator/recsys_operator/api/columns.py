"""The columns of a RecModel's table: what each means, and how it is coded."""

from typing import Literal

from pydantic import Field

from recsys_operator.api.schema import ColumnName, Model, Rule, listing

CalendarPart = Literal["Hour", "Weekday", "Day", "Month"]

OF_TIMES = "(self.role == 'Calendar' || has(self.calendar))"
# What each of these patterns takes is finite, as a number of 64 bits.
NUMBER = r"^[-+]?[0-9]{1,17}(\.[0-9]{1,17})?([eE][-+]?[0-9]{1,2})?$"
TIME = r"^(-?[0-9]{1,19}(\.[0-9]{1,9})?|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]{2,18}(Z|[-+][0-9:]{2,5})?)?)$"


def _filled(pattern: str, role: str) -> str:
    """That `fill` matches, where the role is this."""
    return f"!has(self.fill) || self.role != '{role}' || self.fill.matches(r'{pattern}')"


OF_ROLES = (
    (["User", "Item", "Categorical", "Split", "Group"], ["Text", "Integer", "Boolean"]),
    (["Numeric", "Weight"], ["Integer", "Number", "Boolean"]),
    (["Timestamp", "Calendar"], ["Time", "Integer", "Number"]),
    (["Text"], ["Text"]),
    (["Label"], ["Text", "Integer", "Number", "Boolean"]),
)
"""Which types the values of each role can have."""


class SchemaColumn(Model):
    """The role of one column of the table, and how it is coded."""

    CEL = (
        Rule(
            "(has(self.encoding) && self.encoding == 'Hashed') == has(self.buckets)",
            "a column has buckets if and only if its encoding is Hashed",
        ),
        Rule(
            f"!has(self.encoding) || self.role in ['Categorical', 'User', 'Item'] || {OF_TIMES}",
            "encoding is for columns with the role Categorical, User, Item or Calendar, or with calendar: leave it out",
        ),
        Rule(
            f"!has(self.encoding) || self.encoding == 'OneHot' || (self.encoding == 'Cyclic') == {OF_TIMES}",
            "the encoding of a column of times (role Calendar, or with calendar) is OneHot or Cyclic, and of others it is not Cyclic",
        ),
        Rule(
            "!has(self.calendar) || self.role in ['Calendar', 'Timestamp']",
            "calendar is for columns with the role Calendar or Timestamp: leave it out",
        ),
        Rule(
            f"!has(self.unit) || {OF_TIMES}",
            "unit is for columns with the role Calendar, or with calendar: leave it out",
        ),
        Rule(
            "!has(self.minRows) || (has(self.encoding) ? self.encoding == 'Vocabulary' : self.role in ['User', 'Item'])",
            "minRows is for columns whose encoding is Vocabulary: leave it out",
        ),
        Rule(
            "!has(self.missing) || self.role in ['Numeric', 'Categorical', 'Calendar', 'Text']",
            "missing is for columns with the role Numeric, Categorical, Calendar or Text: leave it out",
        ),
        Rule(
            "(has(self.missing) && self.missing == 'Constant') == has(self.fill)",
            "a column has fill if and only if its missing is Constant",
        ),
        Rule(
            "!has(self.missing) || self.missing != 'Mean' || self.role == 'Numeric'",
            "missing: Mean is for columns with the role Numeric: use another",
        ),
        Rule(
            "!has(self.missing) || !(self.missing in ['Mode', 'ForwardFill']) || self.role in ['Numeric', 'Categorical']",
            "missing: Mode and ForwardFill are for columns with the role Numeric or Categorical: use Impute or Constant",
        ),
        Rule(
            _filled(NUMBER, "Numeric"),
            "fill of a Numeric column must be a number, such as 0 or -1.5e3, of at most 17 digits before and after the point",
        ),
        Rule(
            _filled(TIME, "Calendar"),
            "fill of a Calendar column must be an ISO 8601 date or time, such as 2026-01-31, or a number of its unit since 1970",
        ),
        Rule(
            "!has(self.maxFeatures) || self.role == 'Text'",
            "maxFeatures is for columns with the role Text: leave it out",
        ),
        *(
            Rule(
                f"!has(self.type) || !(self.role in {roles}) || self.type in {types}".replace('"', "'"),
                f"the type of a column with the role {' or '.join(roles)} is {', '.join(types)}",
            )
            for roles, types in OF_ROLES
        ),
        Rule(
            "!has(self.positive) || self.role == 'Label'",
            "positive is for the column with the role Label: leave it out",
        ),
    )

    name: ColumnName = Field(description="Name of the column, without RecBole's type suffix.")
    role: Literal[
        "User", "Item", "Timestamp", "Label", "Numeric", "Categorical", "Calendar", "Text", "Split", "Weight", "Group"
    ] = Field(
        description="What the column means. SequentialRecommendation and Retrieval have User, Item and Timestamp, one each, and "
        "perhaps a Split (for ByColumn). Tabular has one "
        "Label, any number of Numeric (standardised), Categorical (text, whole numbers, booleans), Calendar (a time, as hour, "
        "weekday and so on) and Text (words, weighted by TF-IDF), and perhaps a Timestamp (for ByTime and cleaning), a Split (train, "
        "validation, test; for ByColumn), a Weight (of a row in the loss) and a Group (rows of one value stand in one part of the "
        "split). Ranking has one User, one Item and what Tabular has; "
        "its Label says whether the user clicked, or liked, the item."
    )
    type: Literal["Text", "Integer", "Number", "Boolean", "Time"] | None = Field(
        None,
        description="What every value that is there must be; another one ends the run before any training. Text files are "
        "taken at their word: Integer is digits with or without a sign, Number a decimal, Boolean true, false, 0 or 1, Time an ISO "
        "8601 date or time. Whatever the role can be made of when absent.",
    )
    encoding: Literal["OneHot", "Hashed", "Vocabulary", "Cyclic"] | None = Field(
        None,
        description="How a Categorical column (OneHot when absent) or the User or Item of Ranking (Vocabulary when absent) is "
        "coded. OneHot: an input for each value of the training rows, at most 1000; others count as none. Hashed: values fall "
        "into buckets. Vocabulary: as OneHot for the values with minRows training rows, at most 1000000; the others share one. "
        "Parts of a time are OneHot (when absent) or Cyclic: sine and cosine, so that the last hour is beside the first.",
    )
    calendar: tuple[CalendarPart, ...] | None = Field(
        None,
        min_length=1,
        max_length=4,
        json_schema_extra=listing("set"),
        description="Which parts of a time, in UTC, are features: Hour (0 to 23), Weekday (1 is Monday), Day (of the month), Month. "
        "Of a Calendar column Hour, Weekday and Month when absent; of a Timestamp none when absent.",
    )
    unit: Literal["Seconds", "Milliseconds", "Microseconds", "Nanoseconds"] | None = Field(
        None,
        description="What numbers in a column of times count from 1970 on; Seconds when absent. ISO 8601 times need none.",
    )
    min_rows: int | None = Field(
        None,
        ge=1,
        le=1000000,
        description="How many training rows a value of a Vocabulary needs for an input of its own; 5 when absent.",
    )
    buckets: int | None = Field(None, ge=2, le=1000000, description="How many buckets a Hashed column has.")
    max_features: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="How many words a Text column has at most, an input each: those that training rows have most often; 512 when "
        "absent.",
    )
    missing: Literal["Fail", "Impute", "Constant", "Mean", "Mode", "ForwardFill"] | None = Field(
        None,
        description="A missing value of a feature. Fail (when absent): it ends the run, and is refused when serving. Impute: "
        "a number becomes the training mean, a category, a time or a text one of its own, and the model is told. The others "
        "put a value in its place, and the model is not told. Constant: that of fill. Mean: the training mean (Numeric). "
        "Mode: the most frequent training value, of several the smallest (Numeric, Categorical). ForwardFill: that of the row "
        "before, by the Timestamp and within the Group if there is one; where none is before, and when serving, Mean of "
        "a Numeric and Mode of a Categorical column.",
    )
    fill: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        description="What missing: Constant puts in the place of a missing value: a number of a Numeric column, an ISO 8601 time "
        "or a number of its unit of a Calendar column, otherwise text.",
    )
    positive: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        description="The label's value that is the positive class of the objective Binary; 1, or true, when absent.",
    )


class Schema(Model):
    """Which column of the table plays which role."""

    CEL = (
        Rule(
            "!self.columns.exists(c, has(c.missing) && c.missing == 'ForwardFill') || "
            "self.columns.exists(c, c.role == 'Timestamp')",
            "missing: ForwardFill of a column needs a column with the role Timestamp in schema.columns",
        ),
    )

    columns: tuple[SchemaColumn, ...] = Field(
        min_length=1,
        max_length=64,
        json_schema_extra=listing("map", keys=("name",)),
        description="Columns that are read; all others are ignored.",
    )
