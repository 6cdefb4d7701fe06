"""Times as the API writes them: RFC 3339, UTC, microseconds."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """`2026-01-02T03:04:05.000000Z`; a time without zone counts as UTC."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant(text: str) -> datetime:
    """The moment that an RFC 3339 text names, with or without fractions of a second."""
    return datetime.fromisoformat(text).astimezone(UTC)
