"""An object store as the spec names it, and which URIs are of one."""

from dataclasses import dataclass

S3, GCS = "s3://", "gs://"
SCHEMES = (S3, GCS)
CERTIFICATES = "RECSYS_STORE_CERTIFICATES"
"""Variable with certificates (PEM) that the store's own is checked against, instead of the image's."""


@dataclass(frozen=True, slots=True)
class Store:
    """An object store as `dataset` of a TrainingRun names it."""

    endpoint: str | None = None
    """As https://host:port; that of Amazon S3 or of Google Cloud Storage when None."""
    region: str | None = None
    """Of S3 only."""
    secret: str | None = None
    """Name of the Secret with the credentials; the pod's own identity when None."""

    def called(self, otherwise: str) -> str:
        """How a sentence names it; `otherwise` is the store without an endpoint."""
        return self.endpoint or otherwise


def scheme_of(uri: str) -> str:
    """`s3://` or `gs://`; empty for what lies in no object store."""
    return next((scheme for scheme in SCHEMES if uri.startswith(scheme)), "")
