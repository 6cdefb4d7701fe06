"""Gates: somebody who is asked by a POST whether a rollout may go on, and says yes, no or later."""

from typing import Any

from recsys_operator.decide.analysis.facts import Answer, Question
from recsys_operator.observe.measure.web import NoAnswer, Page, Web

SECONDS = 10.0
LIMIT = 64 * 1024
QUOTED = 300
"""Characters of the gate's own message that are quoted."""

LATER = 202
NO = frozenset({403, 409, 412, 422})
"""With a message in JSON these are about the release. A 401 or 404 is about the request: nobody has judged anything."""
PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that a later try may not meet."""


async def post(web: Web, url: str, document: dict[str, Any], token: str = "") -> Answer:
    """Ask a gate. Nothing is raised."""
    try:
        page = await web.ask("POST", url, seconds=SECONDS, limit=LIMIT, token=token, document=document)
    except NoAnswer as error:
        return Answer("Refused" if error.wrong else "Unavailable", message=f"the webhook: {error}")
    return _answer(page)


def document(namespace: str, deployment: str, model: str, question: Question) -> dict[str, Any]:
    """What a gate is told."""
    return {
        "namespace": namespace,
        "deployment": deployment,
        "model": model,
        "metric": question.metric.name,
        "when": question.metric.webhook.when if question.metric.webhook else None,
        "version": question.version,
        "digest": question.digest,
        "revision": question.revision,
        "weight": question.weight,
        "step": question.step,
        "stableVersion": question.stable_version,
    }


def _answer(page: Page) -> Answer:
    told = _message(page)
    if page.status == LATER:
        return Answer("Pending", message=f"the webhook asks to be asked again{': ' if told else ''}{told}")
    if 200 <= page.status < 300:
        return Answer("Passed", message=told)
    if page.status in NO and told:
        return Answer("Failed", message=f"the webhook says no: {told}")
    if page.status >= 500 or page.status in PASSING:
        return Answer("Unavailable", message=f"the webhook answers {page.status}{': ' if told else ''}{told}")
    said = told or "it gives no message in JSON"
    return Answer("Refused", message=f"the webhook answers {page.status}, which is neither yes nor no: {said}")


def _message(page: Page) -> str:
    """The field `message` of a JSON answer. Nothing else of an answer is ever quoted: who knows who gave it."""
    found = page.json()
    message = found.get("message") if found else None
    if not isinstance(message, str):
        return ""
    plain = " ".join(message.split())
    return plain if len(plain) <= QUOTED else plain[: QUOTED - 1] + "…"
