"""Times as the API writes them: RFC 3339, UTC, microseconds."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """`2026-01-02T03:04:05.000000Z`; a time without zone counts as UTC."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    # Not strftime: it writes the year 1, which is Go's zero time, with one digit.
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """The moment that an RFC 3339 text names, with or without fractions of a second."""
    return datetime.fromisoformat(text).astimezone(UTC)


def passed(seconds: int, since: str | None, now: datetime) -> int:
    """So many seconds and those since a moment, whole ones; a clock that was set back takes none away."""
    return seconds + (max(0, int((now - instant(since)).total_seconds())) if since else 0)
