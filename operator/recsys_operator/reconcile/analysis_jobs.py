"""The Jobs of an analysis: made once for each occasion, taken away when nobody waits for their verdict any more."""

from collections.abc import Iterable
from typing import Any

from recsys_operator.api.kinds import JOBS
from recsys_operator.apply.changes import apply_children
from recsys_operator.apply.client import Client
from recsys_operator.build import labels
from recsys_operator.build.analysis_job import Check, analysis_job
from recsys_operator.build.labels import Owner
from recsys_operator.decide.analysis.facts import Question
from recsys_operator.decide.refusal import Refusal

ENDED = ("Complete", "Failed")


async def keep_jobs(
    client: Client, owner: Owner, model: str, questions: Iterable[Question], *, leftovers: bool
) -> tuple[Refusal, ...]:
    """Make the Jobs that these questions need and that are not there, and delete all others that still run.

    `questions` are all that wait for an answer, asked now or later. What has ended stays until its time is over, to be
    looked at. Without a question for a Job, Jobs are looked for only where there may be `leftovers`.
    Gives what the API server refused.
    """
    checks = [check for question in questions if (check := _check(question))]
    if not checks and not leftovers:
        return ()
    wanted = {
        manifest["metadata"]["name"]: manifest for manifest in (analysis_job(owner, model, one) for one in checks)
    }
    found = await client.list(JOBS, owner.namespace, {labels.ANALYSIS_OF: owner.name})
    ours = {job["metadata"]["name"]: job for job in found if owner.owns(job)}
    for name, job in ours.items():
        if name not in wanted and not _ended(job) and "deletionTimestamp" not in job["metadata"]:
            await client.delete(JOBS, owner.namespace, name, job["metadata"]["uid"])
    # A Job of somebody else is left alone: whoever asks for its verdict is told so.
    missing = [
        (JOBS, manifest)
        for name, manifest in wanted.items()
        if name not in ours and await client.get(JOBS, owner.namespace, name) is None
    ]
    return await apply_children(client, missing, (), independent=True)


def _check(question: Question) -> Check | None:
    if question.metric.job is None:
        return None
    return Check(
        metric=question.metric.name,
        template=question.metric.job.template,
        version=question.version,
        digest=question.digest,
        revision=question.revision,
        occasion=question.occasion,
    )


def _ended(job: dict[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions") or ()
    return any(one.get("type") in ENDED and one.get("status") == "True" for one in conditions)
