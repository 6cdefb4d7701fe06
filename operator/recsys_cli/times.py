"""Times as the API writes them, and spans of time as people read and write them."""

import re
from datetime import UTC, datetime

UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


def now() -> datetime:
    """The time on this machine's clock."""
    return datetime.now(UTC)


def instant(text: str | None) -> datetime | None:
    """An RFC 3339 time; None where there is none or it cannot be read."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def span(seconds: float) -> str:
    """At most two units, such as 42s, 5m3s, 2h or 3d4h; what is in the future by some skew of clocks is 0s."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for unit, size in UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return "".join(parts) or "0s"


def age(since: str | None, at: datetime) -> str:
    """How long ago a time is; `-` where it is not known."""
    began = instant(since)
    return span((at - began).total_seconds()) if began else "-"


def clock(text: str | None) -> str:
    """A time for people: the minute is enough, in UTC; `-` where it is not known."""
    time = instant(text)
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if time else "-"


def seconds(text: str) -> float | None:
    """A span as people write it: 90, 90s, 5m, 1h30m; None where it is none."""
    found = SPAN.fullmatch(text.strip())
    if not text.strip() or found is None:
        return None
    return float(sum(int(count or 0) * size for count, (_, size) in zip(found.groups(), UNITS, strict=True)))
