"""What the API server may answer, and what users may leave lying about."""

import copy

import yaml
from tests.integration.harness import access
from tests.integration.harness.api import Api, Object, until
from tests.integration.harness.binaries import ROOT
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.operator import Operator
from tests.integration.harness.players import Players
from tests.integration.harness.proxy import Write
from tests.integration.harness.snapshot import differences, snapshot
from tests.integration.kill.case import World, case, condition, run
from tests.integration.kill.objects import MODEL, recmodel, trainingrun
from tests.integration.kill.test_run_kill import RUN, life

from recsys_operator.api.kinds import RECMODELS, TRAININGRUNS

REFUSED = {"serviceaccounts/": 409, "jobs/": 429, f"trainingruns/{RUN}/status": 500, f"recmodels/{MODEL}/status": 503}


async def test_writes_that_are_refused_once(world: World) -> None:
    """409, 429, 500 and 503, each for another write: the end is that of an undisturbed life."""
    lived = life("refused", "0.2", "VersionCreated", version=True)
    undisturbed = await run(world, lived)
    async with case(world, "refused-faults") as one:
        left = dict(REFUSED)

        def fault(write: Write) -> int | None:
            found = next((part for part in left if part in write.path), None)
            return left.pop(found) if found else None

        one.proxy.fault = fault
        await lived.live(one)
        await one.quiet()
        assert left == {}
        assert differences(undisturbed.objects, await snapshot(world.api, one.namespace)) == []
        assert 'recsys_reconcile_errors_total{kind="TrainingRun"} 3.0' in await one.operator.metrics()


async def test_idle_objects_cost_no_writes(world: World) -> None:
    """Neither resyncs nor a restart write anything about what is as it should be; the memory stays small."""
    lived = life("idle", "0.2", "VersionCreated", version=True)
    async with case(world, "idle-life", RECSYS_RESYNC_SECONDS="1") as one:
        await lived.live(one)
        await one.quiet()
        one.proxy.count()
        reconciles = await one.operator.metrics()

        async def resynced() -> bool:
            return (await one.operator.metrics()).count("\n") > 0 and (
                total(await one.operator.metrics()) >= total(reconciles) + 6
            )

        await until("some resyncs", resynced, 20)
        await one.operator.terminate()
        one.operator.start()
        await one.operator.until_ready()
        await one.quiet()
        assert [str(write) for write in one.proxy.writes] == []
        assert one.operator.resident_megabytes() < 120


def total(metrics: str) -> float:
    """Reconciles so far."""
    lines = [line for line in metrics.splitlines() if line.startswith("recsys_reconciles_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def test_objects_that_no_longer_fit_their_schema() -> None:
    """Objects from before a CRD was narrowed are told as errors, and stand in nobody's way."""
    with ControlPlane() as plane:
        plane.install_gateway_api()
        strict = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "crds").glob("*.yaml")}
        with plane.client() as client:
            for crd in strict.values():
                plane._install_crd(client, loosened(crd))
            namespace = plane.create_namespace("hostile")
            for manifest in bad_objects(namespace):
                plural = {"RecModel": "recmodels", "TrainingRun": "trainingruns", "Deployment": "deployments"}
                path = f"/apis/recsys.dev/v1alpha1/namespaces/{namespace}/{plural[manifest['kind']]}"
                client.post(path, json=manifest).raise_for_status()
            for crd in strict.values():
                plane._install_crd(client, crd)
        directory = plane.directory / "operator"
        directory.mkdir()
        config = access.kubeconfig(plane, access.make_account(plane), directory)
        operator = Operator(directory, config, RECSYS_RESYNC_SECONDS="5")
        operator.start()
        try:
            async with Api(plane) as api, Players(api):
                await operator.until_ready()
                await api.create(RECMODELS, recmodel(namespace))
                await api.create(TRAININGRUNS, trainingrun(namespace, RUN))

                async def made() -> bool:
                    good = await api.get(TRAININGRUNS, namespace, RUN)
                    model = await api.get(RECMODELS, namespace, MODEL)
                    listed = (model or {}).get("status", {}).get("versions", ())
                    return condition(good, "Succeeded").get("reason") == "VersionCreated" and len(listed) == 1

                try:
                    await until("the good run's version, among bad objects", made, 60)
                except AssertionError as error:
                    raise AssertionError(f"{error}\n{operator.tail()}") from error
            assert "recsys_reconcile_errors_total{" in await operator.metrics()
            assert (await operator.health())[0] == 200
            code = await operator.terminate()
            assert code == 0
        finally:
            operator.kill()


def loosened(crd: Object) -> Object:
    """The CRD with a spec and a status that may be anything."""
    loose = copy.deepcopy(crd)
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    for version in loose["spec"]["versions"]:
        version["schema"]["openAPIV3Schema"] = {
            "type": "object",
            "properties": {"spec": anything, "status": anything},
        }
        version.pop("additionalPrinterColumns", None)
        version["subresources"] = {"status": {}}
    return loose


def bad_objects(namespace: str) -> list[Object]:
    """Nothing in them is as the operator expects."""

    def bad(kind: str, name: str, spec: Object) -> Object:
        metadata = {"name": name, "namespace": namespace}
        return {"apiVersion": "recsys.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}

    return [
        bad("TrainingRun", "no-model", {"dataset": 5}),
        bad("TrainingRun", "wrong-types", {"modelRef": {"name": MODEL}, "dataset": "pvc", "hyperparameters": []}),
        bad("TrainingRun", "x" * 60, {"modelRef": {"name": MODEL}, "dataset": {"uri": "pvc://a/b"}}),
        bad("RecModel", "empty", {}),
        bad("RecModel", "odd", {"gates": {"a": 1}, "schema": None}),
        bad("Deployment", "empty", {}),
        bad("Deployment", "odd", {"modelRef": {"name": MODEL}, "version": {"pin": "one"}, "replicas": -1}),
    ]
