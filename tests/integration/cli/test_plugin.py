"""`kubectl recsys` with the real kubectl, API server and operator."""

import json
from typing import Any

from tests.integration.alerts.shop import Shop
from tests.integration.cli.conftest import Plugin
from tests.integration.harness.api import until
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.kill.objects import DEPLOYMENT


async def document(plugin: Plugin, *words: str) -> Any:
    done = await plugin.run(*words, "-o", "json")
    assert done.code == 0, done.err
    return json.loads(done.out)


async def test_a_rollout_from_the_command_line(shop: Shop, plugin: Plugin) -> None:
    """Looked at, held, let go, aborted, tried again and promoted; each command is answered by the operator itself."""
    await shop.serve(1)
    await shop.try_out(4, stable=1)
    row = await document(plugin, "get", DEPLOYMENT)
    assert (row["stable"], row["canary"], row["weight"], row["step"]) == (1, 4, 10, "2/2 pause 1h")
    told = await document(plugin, "status", DEPLOYMENT)
    assert [(one["role"], one["weight"]) for one in told["versions"]] == [("canary", 10), ("stable", 90)]
    assert [one["state"] for one in told["steps"]] == ["Done", "Now"]

    held = await plugin.run("pause", DEPLOYMENT)
    assert (held.code, held.err) == (0, "")
    assert held.out.startswith(f"Deployment {shop.namespace}/{DEPLOYMENT}: Done. Version 4 is held at 10 %")
    assert (await shop.status())["canary"]["held"] is True
    again = await plugin.run("pause", DEPLOYMENT)
    assert (again.code, again.out) == (3, "")
    assert "Ignored. Version 4 is held already." in again.err
    why = await plugin.run("why", DEPLOYMENT)
    assert f"`kubectl recsys resume {DEPLOYMENT} -n {shop.namespace}` lets it go on." in why.out
    assert (await plugin.run("resume", DEPLOYMENT)).code == 0
    assert not (await shop.status())["canary"].get("held")

    watching = await plugin.start("status", DEPLOYMENT, "--watch", "--timeout", "80s")
    assert watching.stdout
    assert b"v4 10 %, v1 90 %" in await watching.stdout.readline()
    aborted = await plugin.run("abort", DEPLOYMENT)
    assert (aborted.code, aborted.err) == (0, "")
    seen = await plugin.end(watching)
    assert seen.code == 4
    assert "Version 4 was taken back (AbortedByCommand)" in seen.err
    why = await plugin.run("why", DEPLOYMENT)
    assert "Version 4 is blocked here since " in why.out
    assert f"`kubectl recsys retry {DEPLOYMENT} -n {shop.namespace} --version 4` lets it be tried again." in why.out
    assert (await document(plugin, "get"))[0]["status"] == "VersionBlocked"

    assert (await plugin.run("unblock", DEPLOYMENT)).code == 0
    await shop.until_weights({1: 90, 4: 10})
    watching = await plugin.start("status", DEPLOYMENT, "--watch", "--timeout", "80s")
    assert watching.stdout
    assert b"v4 10 %, v1 90 %" in await watching.stdout.readline()
    assert (await plugin.run("promote", DEPLOYMENT, "--full")).code == 0
    seen = await plugin.end(watching)
    assert (seen.code, seen.out.splitlines()[-1]) == (
        0,
        "Version 4 was promoted: Version 4 serves all requests. The command promote-full skipped its steps from step 2 "
        "of 2 on.",
    )
    history = await document(plugin, "history", DEPLOYMENT)
    assert [(one["to"], one["verdict"]) for one in history] == [(4, "Promoted"), (4, "Aborted"), (1, "Promoted")]

    async def newest_serves() -> object:
        return (await plugin.run("why", DEPLOYMENT)).out.startswith("It does: version 4, the newest of RecModel")

    await until("why to say that it does", newest_serves)


async def test_what_kubectl_complains_of_is_told_as_a_sentence(
    shop: Shop, plugin: Plugin, stage: tuple[ControlPlane, str]
) -> None:
    plane, _ = stage
    absent = await plugin.run("status", "music")
    assert (absent.code, absent.out) == (1, "")
    assert absent.err == (
        f"error: There is no Deployment music in namespace {shop.namespace}, nor any other: choose another with "
        "--namespace.\n"
    )
    assert (await plugin.run("get")).err == f"There is no Deployment of recsys.dev in namespace {shop.namespace}.\n"
    stranger = await plugin.run("status", "music", KUBECONFIG=str(plane.kubeconfig_for("eve")))
    assert stranger.code == 1
    assert stranger.err.startswith('error: You lack a right: deployments.recsys.dev "music" is forbidden')
    nowhere = await plugin.run("get", KUBECONFIG=str(plane.kubeconfig_for("adam", url="https://127.0.0.1:1")))
    assert nowhere.code == 1
    assert nowhere.err.startswith("error: The API server did not answer: ")
    unknown = await plugin.run("get", "--context", "west")
    assert (unknown.code, unknown.err) == (1, 'error: kubectl said: context "west" does not exist.\n')
