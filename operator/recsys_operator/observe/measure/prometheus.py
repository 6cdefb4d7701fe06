"""Instant queries of Prometheus (and of what speaks its API): one number, or why there is none."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from recsys_operator.decide.analysis.facts import Answer
from recsys_operator.observe.measure.web import NoAnswer, Page, Web

SECONDS = 10.0
LIMIT = 1024 * 1024
QUOTED = 300
"""Characters of an answer's own message that are quoted."""

PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that a later try may not meet."""
NO_POST = frozenset({405, 501})
"""What a proxy in front of Prometheus may answer to a POST, which leaves room for a long query."""

_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


class UnknownVariable(Exception):
    """A query names a variable that there is not; the message says which there are."""


def filled(query: str, variables: Mapping[str, str]) -> str:
    """The query with each `{{name}}` replaced; raises UnknownVariable."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in variables:
            known = ", ".join("{{" + name + "}}" for name in variables)
            raise UnknownVariable(f"the query names {found[0]}, but there are only {known}")
        return variables[found[1]]

    return _VARIABLE.sub(value, query)


async def ask(web: Web, address: str, query: str, token: str = "") -> Answer:
    """Evaluate a query now. Nothing is raised."""
    url, form = address.rstrip("/") + "/api/v1/query", {"query": query, "timeout": f"{SECONDS:g}s"}
    try:
        page = await web.ask("POST", url, seconds=SECONDS, limit=LIMIT, token=token, form=form)
        if page.status in NO_POST:
            page = await web.ask("GET", url, seconds=SECONDS, limit=LIMIT, token=token, query=form)
    except NoAnswer as error:
        return Answer("Refused" if error.wrong else "Unavailable", message=f"Prometheus: {error}")
    return _answer(page)


def _answer(page: Page) -> Answer:
    document = page.json()
    told = _told(document) if document else ""
    if page.status >= 500 or page.status in PASSING:
        return Answer("Unavailable", message=f"Prometheus answers {page.status}{told}")
    if page.status >= 300 or not document or document.get("status") not in ("success", "error"):
        hint = "" if told else ": is this the address of a Prometheus?"
        return Answer("Refused", message=f"Prometheus answers {page.status}{told}{hint}")
    if document["status"] == "error":
        return Answer("Refused", message=f"Prometheus answers {page.status}{told}")
    return _result(document.get("data"), _warnings(document))


def _result(data: object, warnings: str) -> Answer:
    kind = data.get("resultType") if isinstance(data, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    if kind == "scalar":
        return _value(result, warnings)
    if kind != "vector" or not isinstance(result, list):
        return Answer(
            "Refused", message=f"the query gives a {kind or 'result of no type'}: it must give one number now"
        )
    if not result:
        return Answer("Empty", message=f"the query finds no series{warnings}")
    if len(result) > 1:
        told = f"the query finds {len(result)} series: aggregate them, such as with sum(…){warnings}"
        return Answer("SeveralSeries", message=told)
    sample = result[0].get("value") if isinstance(result[0], dict) else None
    if sample is None:
        return Answer("Refused", message="the query gives a histogram: take a quantile or a rate of it")
    return _value(sample, warnings)


def _value(sample: object, warnings: str) -> Answer:
    """A sample is [time, "number"]."""
    text = sample[1] if isinstance(sample, list) and len(sample) == 2 else None
    try:
        number = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Answer("Refused", message="the answer has no number: is this the address of a Prometheus?")
    if not math.isfinite(number):
        return Answer("NotANumber", message=f"the query gives {_short(str(text))}{warnings}")
    return Answer("Value", number, warnings.removeprefix("; "))


def _told(document: Mapping[str, Any]) -> str:
    """What Prometheus says of an error; nothing of an answer that is of another form."""
    if not isinstance(document.get("error"), str):
        return ""
    kind = document.get("errorType")
    return (
        f" ({_short(kind)}): {_short(document['error'])}" if isinstance(kind, str) else f": {_short(document['error'])}"
    )


def _warnings(document: Mapping[str, Any]) -> str:
    """Prometheus answers with what it has, and says what is missing."""
    warnings = document.get("warnings")
    return f"; it warns: {_short(json.dumps(warnings, ensure_ascii=False))}" if warnings else ""


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= QUOTED else plain[: QUOTED - 1] + "…"
