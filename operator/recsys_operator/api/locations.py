"""Where data and versions are, as specs name it."""

SCHEME = "pvc://"
S3, GCS = "s3://", "gs://"
"""`pvc://<claim>/<path>` is a place on a PersistentVolumeClaim of the same namespace."""


def claim_of(uri: str) -> str:
    """The claim that a `pvc://<claim>/<path>` names; empty for what is elsewhere, such as in an object store."""
    return uri.removeprefix(SCHEME).partition("/")[0] if uri.startswith(SCHEME) else ""
