"""An analysis Job with the real Job controller, in a restricted namespace, with the operator's own rights."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.integration.harness.api import Object, until
from tests.integration.kill.objects import DEPLOYMENT as NAME
from tests.integration.kill.objects import deployment
from tests.integration.runs.scene import NOW, Scene

from recsys_operator.api.analysis import Metric
from recsys_operator.api.deployment import DEPLOYMENT
from recsys_operator.api.kinds import DEPLOYMENTS, JOBS, PODS
from recsys_operator.build.analysis_job import CONTAINER
from recsys_operator.build.labels import Owner
from recsys_operator.decide.analysis.facts import Answer, Plan, Question
from recsys_operator.decide.refusal import Refusal
from recsys_operator.observe.measure.look import Measurer
from recsys_operator.reconcile.analysis_jobs import keep_jobs

REVISION = "abcdef0123456789"
RESOURCES = {"limits": {"cpu": "100m", "memory": "64Mi"}}


class Checked:
    """A Deployment of the namespace, and a metric of it that a Job finds out about."""

    def __init__(self, scene: Scene, owner: Owner, **template: Any) -> None:
        self.scene = scene
        self.owner = owner
        wanted = {"image": "checks:1", "command": ["check"], "resources": RESOURCES, **template}
        self.metric = Metric.model_validate({"name": "offline", "job": {"template": wanted}})

    def plan(self, occasion: str = "step-1") -> Plan:
        """What is asked: this metric, on an occasion."""
        question = Question(
            metric=self.metric, arm="Canary", revision=REVISION, version=2, digest="sha256:" + "2" * 64, weight=10,
            stable_version=1, interval_seconds=10, occasion=occasion,
        )  # fmt: skip
        return Plan(datetime.now(UTC), (), (question,))

    async def start(self, occasion: str = "step-1") -> Object:
        """The Job, made as the operator makes it."""
        known = {one["metadata"]["uid"] for one in await self.jobs()}
        await self.keep(self.plan(occasion))
        (made,) = [one for one in await self.jobs() if one["metadata"]["uid"] not in known]
        return made

    async def keep(self, plan: Plan | None, *, leftovers: bool = True) -> tuple[Refusal, ...]:
        """What the operator does about Jobs while this waits for an answer."""
        questions = plan.questions if plan else ()
        return await keep_jobs(self.scene.client, self.owner, "movies", questions, leftovers=leftovers)

    async def jobs(self) -> list[Object]:
        """The Jobs that there are and that nobody has deleted."""
        found = await self.scene.api.list(JOBS, self.scene.namespace)
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    async def answer(self) -> Answer:
        """What the operator makes of it now."""
        measurer = Measurer(self.scene.client, "", ())
        try:
            found = await measurer.measure(self.owner, "movies", self.plan())
        finally:
            await measurer.close()
        return found.measurements[0].answer

    async def decided(self) -> Answer:
        """The answer once it is not Pending any more."""

        async def told() -> Answer | None:
            found = await self.answer()
            return found if found.kind != "Pending" else None

        found: Answer = await until("the Job's verdict", told)
        return found


async def checked(scene: Scene, **template: Any) -> Checked:
    created = await scene.api.create(DEPLOYMENTS, deployment(scene.namespace, [{"weight": 10}]))
    return Checked(scene, Owner(DEPLOYMENT, scene.namespace, NAME, created["metadata"]["uid"]), **template)


async def end(scene: Scene, pod: Object, code: int, message: str) -> None:
    """The kubelet's word: the container ended."""
    state = {"terminated": {"exitCode": code, "reason": "", "message": message, "finishedAt": NOW}}
    container = {
        "name": CONTAINER,
        "ready": False,
        "restartCount": 0,
        "image": "checks:1",
        "imageID": "",
        "state": state,
    }
    status = {"phase": "Failed" if code else "Succeeded", "startTime": NOW, "containerStatuses": [container]}
    await scene.api.patch(PODS, scene.namespace, pod["metadata"]["name"], {"status": status}, "status")


@pytest.mark.parametrize(("code", "kind", "said"), [(0, "Passed", "succeeded"), (1, "Failed", "says no")])
async def test_the_exit_code_of_its_container_is_the_verdict(scene: Scene, code: int, kind: str, said: str) -> None:
    check = await checked(scene)
    assert (await check.answer()).message.endswith("is not there yet")
    job = await check.start()
    assert (await check.answer()).kind == "Pending"
    pod = await scene.pod()
    assert pod["metadata"]["namespace"] == scene.namespace, "the namespace admits it as restricted"
    await end(scene, pod, code, "12 of 12\nchecks ran\n")
    found = await check.decided()
    assert found == Answer(kind, message=f"the Job {job['metadata']['name']} {said}: 12 of 12 checks ran")  # type: ignore[arg-type]


async def test_another_exit_code_is_tried_again_and_no_verdict(scene: Scene) -> None:
    check = await checked(scene)
    await check.start()
    first = await scene.pod()
    await end(scene, first, 2, "no route to host")
    assert (await scene.pod(other_than=first["metadata"]["name"]))["metadata"]["uid"] != first["metadata"]["uid"]
    assert (await check.answer()).kind == "Pending"


async def test_a_job_that_ran_out_of_time_found_out_nothing(scene: Scene) -> None:
    check = await checked(scene, activeDeadlineSeconds=1)
    await check.start()
    found = await check.decided()
    assert found.kind == "Unavailable"
    assert "found out nothing: DeadlineExceeded" in found.message


async def test_a_job_is_made_once_and_not_changed_when_its_template_is_edited(scene: Scene) -> None:
    check = await checked(scene)
    made = await check.start()
    edited = Checked(scene, check.owner, image="checks:2")
    assert await edited.keep(edited.plan()) == ()
    assert [(one["metadata"]["uid"], _image(one)) for one in await check.jobs()] == [
        (made["metadata"]["uid"], "checks:1")
    ]


async def test_jobs_that_nobody_asks_about_are_deleted_while_they_run_and_kept_when_they_ended(scene: Scene) -> None:
    check = await checked(scene)
    ended = await check.start("step-1")
    await end(scene, await scene.pod(), 0, "")
    await check.decided()
    running = await check.start("step-2")
    await check.keep(None, leftovers=False)
    assert len(await check.jobs()) == 2
    await check.keep(check.plan("step-3"))
    left = {one["metadata"]["name"] for one in await check.jobs()}
    assert ended["metadata"]["name"] in left
    assert running["metadata"]["name"] not in left
    assert len(left) == 2
    await check.keep(None)
    assert [one["metadata"]["name"] for one in await check.jobs()] == [ended["metadata"]["name"]]


async def test_a_job_of_somebody_else_is_left_alone_and_no_verdict(scene: Scene) -> None:
    check = await checked(scene)
    foreign = await check.start()
    other = Checked(scene, Owner(DEPLOYMENT, scene.namespace, NAME, "11111111-2222-3333-4444-555555555555"))
    assert await other.keep(other.plan()) == ()
    assert (
        await other.answer()
    ).message == f"the Job {foreign['metadata']['name']} belongs to somebody else: delete or rename it"
    await other.keep(None)
    assert [one["metadata"]["uid"] for one in await check.jobs()] == [foreign["metadata"]["uid"]]


async def test_a_job_that_the_api_server_refuses_is_told(scene: Scene) -> None:
    check = await checked(scene)
    quota = {"metadata": {"name": "none", "namespace": scene.namespace}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    await scene.api.call("POST", f"/api/v1/namespaces/{scene.namespace}/resourcequotas", quota)
    await _quota_counts(scene)
    (refusal,) = await check.keep(check.plan())
    assert refusal.kind == "Job"
    assert "exceeded quota" in refusal.message


async def _quota_counts(scene: Scene) -> None:
    """Admission refuses by what the quota's status says, which the quota controller fills in elsewhere."""
    path = f"/api/v1/namespaces/{scene.namespace}/resourcequotas/none/status"
    status = {"hard": {"count/jobs.batch": "0"}, "used": {"count/jobs.batch": "0"}}
    await scene.api.call("PATCH", path, {"status": status}, content_type="application/merge-patch+json")


def _image(job: Object) -> str:
    return str(job["spec"]["template"]["spec"]["containers"][0]["image"])
