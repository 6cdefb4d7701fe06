"""A RecModel that no longer fits its CRD must not stand in the way of a rollback."""

import yaml
from tests.integration.alerts.shop import open_shop
from tests.integration.harness import access
from tests.integration.harness.api import Api, Refused, until
from tests.integration.harness.binaries import ROOT
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.players import Players
from tests.integration.kill.objects import MODEL
from tests.integration.process.test_faults import loosened

from recsys_operator.api.kinds import RECMODELS, WORKLOADS


async def test_an_alert_takes_a_canary_back_beside_a_model_that_cannot_be_read() -> None:
    """The canary holds its weight, the alert takes it, and no revision changes meanwhile."""
    with ControlPlane() as plane:
        plane.install_crds()
        plane.install_gateway_api()
        directory = plane.directory / "operator"
        directory.mkdir()
        token = access.make_account(plane)
        async with Api(plane) as api, Players(api), open_shop(plane, api, token, directory, "hostile") as shop:
            await shop.serve(1)
            await shop.try_out(4, stable=1)
            before = {one["metadata"]["name"] for one in await api.list(WORKLOADS, shop.namespace)}
            with plane.client() as client:
                crd = yaml.safe_load((ROOT / "crds/recsys.dev_recmodels.yaml").read_text())
                plane._install_crd(client, loosened(crd))

            async def spoiled() -> bool:
                try:
                    await api.patch(RECMODELS, shop.namespace, MODEL, {"spec": {"gates": {"a": 1}, "schema": 5}})
                except Refused:  # The API server has yet to take up the other schema.
                    return False
                return True

            await until("a RecModel that fits no schema", spoiled)
            await shop.until_reason("ModelUnreadable")
            assert await shop.weights() == {1: 90, 4: 10}
            assert {one["metadata"]["name"] for one in await api.list(WORKLOADS, shop.namespace)} == before
            answer = await shop.post(shop.alert(4))
            assert (answer.status, answer.outcomes) == (200, ["RolledBack"])
            assert await shop.weights() == {1: 100}

            async def gone() -> bool:
                return await shop.versions_with_pods() == {1}

            await until("version 4 gone", gone, 60)
