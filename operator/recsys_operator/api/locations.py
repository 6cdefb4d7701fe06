"""Where data and versions are, as specs name it."""

SCHEME = "pvc://"
"""`pvc://<claim>/<path>` is a place on a PersistentVolumeClaim of the same namespace."""
S3, GCS = "s3://", "gs://"
"""`s3://<bucket>/<path>` and `gs://<bucket>/<path>` are places in an object store."""


def claim_of(uri: str) -> str:
    """The claim that a `pvc://<claim>/<path>` names; empty for what is elsewhere, such as in an object store."""
    return uri.removeprefix(SCHEME).partition("/")[0] if uri.startswith(SCHEME) else ""
