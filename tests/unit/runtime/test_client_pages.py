"""Lists are read page by page."""

from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client.configuration import Configuration

from recsys_operator.api.kinds import PODS
from recsys_operator.apply.client import Client

NAMES = ["a", "b", "c", "d", "e"]


class Server:
    """Answers with two objects a page, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        start = int(request.query.get("continue", "0"))
        more = str(start + 2) if start + 2 < len(NAMES) else ""
        items = [{"metadata": {"name": name}} for name in NAMES[start : start + 2]]
        return web.json_response({"items": items, "metadata": {"continue": more}})


async def listed(**how: Any) -> tuple[list[list[str]], list[str], list[dict[str, str]]]:
    """The pages' names, those of the list, and the questions for the pages."""
    answers = Server()
    app = web.Application()
    app.router.add_get("/api/v1/pods", answers.answer)
    async with TestServer(app) as server:
        configuration = Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        async with Client(configuration) as client:
            pages = [
                [one["metadata"]["name"] for one in page if one["kind"] == "Pod" and one["apiVersion"] == "v1"]
                async for page in client.pages(PODS, None, **how)
            ]
            asked = answers.asked.copy()
            whole = [one["metadata"]["name"] for one in await client.list(PODS, None)]
    return pages, whole, asked


async def test_pages_come_one_after_the_other_and_a_list_is_all_of_them() -> None:
    pages, whole, asked = await listed()
    assert pages == [["a", "b"], ["c", "d"], ["e"]]
    assert whole == NAMES
    assert asked == [{"limit": "500"}, {"limit": "500", "continue": "2"}, {"limit": "500", "continue": "4"}]


async def test_selectors_are_asked_for_on_every_page() -> None:
    _, _, asked = await listed(labels={"b": "2", "a": "1"}, fields="status.phase!=Failed")
    assert len(asked) == 3
    assert {(one["labelSelector"], one["fieldSelector"]) for one in asked} == {("a=1,b=2", "status.phase!=Failed")}
