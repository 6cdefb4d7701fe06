"""What the operator does when something optional is taken away again, such as KubeRay."""

import asyncio
from typing import cast

from recsys_operator.api.kinds import RAYJOBS, Resource
from recsys_operator.apply.client import ApiError, Client
from recsys_operator.main import until_gone

DOWN = ApiError(0, "Unreachable", "no answer")


class Discovery:
    """An API server that says one thing after the other about what it serves."""

    def __init__(self, *answers: bool | ApiError) -> None:
        self.answers = list(answers)

    async def serves(self, resource: Resource) -> bool:
        assert resource == RAYJOBS
        answer = self.answers.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return answer


async def test_what_is_missed_twice_in_a_row_is_gone() -> None:
    told = Discovery(True, False, True, False, DOWN, False, True)
    async with asyncio.timeout(5):
        await until_gone(cast("Client", told), RAYJOBS, every=0.0)
    assert told.answers == [True], "one miss may be an API server that has just started, and silence is no answer"
