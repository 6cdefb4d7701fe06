"""Where the rows of a TrainingRun are, and what their items are: `spec.dataset`."""

from typing import Literal

from pydantic import Field

from recsys_operator.api.locations import GCS, S3
from recsys_operator.api.podfields import SecretName
from recsys_operator.api.schema import ColumnName, DataLocation, Digest, Model, Rule, listing

ENDPOINT = r"^https?://([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$"
REGION = r"^[A-Za-z0-9]([-_A-Za-z0-9]*[A-Za-z0-9])?$"
ACCESS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
SESSION_TOKEN = "AWS_SESSION_TOKEN"  # noqa: S105 the name of a variable
SERVICE_ACCOUNT_KEY, ACCESS_TOKEN = "key.json", "access-token"
CERTIFICATES = "ca.crt"
"""Keys of a Secret of `dataset.credentialsSecret`: those of S3, of which the last may be absent; those of Google Cloud
Storage, of which one is enough; and one of both that may be absent."""


TableFormat = Literal["RecBole", "CSV", "Parquet", "JSONLines"]


class ItemAttribute(Model):
    """A column of the item table that says what items are."""

    name: ColumnName = Field(description="Name of the column, without RecBole's type suffix.")
    separator: str | None = Field(
        None,
        min_length=1,
        max_length=8,
        description="What stands between the values of one cell, such as |. Without it a cell is one value; lists (Parquet, "
        "JSONLines) and columns of RecBole's type token_seq need none.",
    )
    min_rows: int | None = Field(
        None,
        ge=1,
        le=1000000,
        description="How many items must have a value for a vector of its own, 2 when absent; the others, and having none, "
        "share one.",
    )


class ItemTable(Model):
    """What the items are, for models that learn from it."""

    CEL = (
        Rule(
            "!self.attributes.exists(attribute, attribute.name == self.idColumn)",
            "dataset.items.attributes must not name the idColumn: every item has an id of its own",
        ),
    )

    uri: DataLocation = Field(
        description="Where the table is, one file or a folder of them, as pvc://<claim>/<path>, s3://<bucket>/<path> or "
        "gs://<bucket>/<path>; in a bucket by the dataset's endpoint, region and credentialsSecret."
    )
    format: TableFormat = Field(
        "CSV",
        description="RecBole (of a folder, the files *.item), CSV, Parquet, or JSONLines, as of the dataset.",
    )
    digest: Digest | None = Field(
        None, description="Expected digest of the table; other bytes fail with DatasetChanged."
    )
    id_column: ColumnName = Field(description="Column that holds the item id. Several rows of an item are one.")
    attributes: tuple[ItemAttribute, ...] = Field(
        min_length=1,
        max_length=16,
        json_schema_extra=listing("map", keys=("name",)),
        description="Columns that are read; all others are ignored.",
    )


def anywhere(scheme: str, of: str = "self") -> str:
    """CEL that holds when the rows or the item table of a dataset lie there."""
    return f"({of}.uri.startsWith('{scheme}') || (has({of}.items) && {of}.items.uri.startsWith('{scheme}')))"


class Dataset(Model):
    """The rows to learn from: interactions, or those of a table."""

    CEL = (
        Rule(
            f"{anywhere(S3)} || {anywhere(GCS)} || "
            "!(has(self.endpoint) || has(self.region) || has(self.credentialsSecret))",
            "dataset.endpoint, region and credentialsSecret are for a dataset.uri or dataset.items.uri that begins with s3:// "
            "or gs://",
        ),
        Rule(
            f"{anywhere(S3)} || !{anywhere(GCS)} || !has(self.region)",
            "dataset.region is for s3:// only: a bucket of Google Cloud Storage is found by its name",
        ),
        Rule(
            f"!({anywhere(S3)} && {anywhere(GCS)})",
            "dataset.uri and dataset.items.uri must not be the one s3:// and the other gs://: they share endpoint and "
            "credentialsSecret",
        ),
    )

    uri: DataLocation = Field(
        description="Where the table is, one file or a folder of them, as pvc://<claim>/<path>, s3://<bucket>/<path> or "
        "gs://<bucket>/<path>."
    )
    endpoint: str | None = Field(
        None,
        max_length=256,
        pattern=ENDPOINT,
        description="Where the object store answers, as https://<host>:<port> or http://…; Amazon S3 or Google Cloud Storage when "
        "absent.",
    )
    region: str | None = Field(
        None,
        max_length=63,
        pattern=REGION,
        description="The region of an s3:// bucket; what the pod's AWS_REGION says when absent, else us-east-1.",
    )
    credentials_secret: SecretName | None = Field(
        None,
        description="Secret for s3:// with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and where it is needed AWS_SESSION_TOKEN; "
        "for gs:// with key.json (a service account's key) or access-token. For both, where it is needed, with ca.crt (PEM; trusted "
        "instead of the image's certificates). The pod's own identity is used when absent.",
    )
    format: TableFormat = Field(
        "CSV",
        description="RecBole (tab separated, typed header), CSV, Parquet, or JSONLines (one object a line). "
        "Of a folder, the files *.inter, *.csv, *.parquet, or *.jsonl and *.ndjson are read.",
    )
    digest: Digest | None = Field(
        None, description="Expected digest of the data; other bytes fail with DatasetChanged."
    )
    items: ItemTable | None = Field(
        None,
        description="The item table, whose attributes models of SequentialRecommendation learn from; without it an item is "
        "known by its interactions alone.",
    )
