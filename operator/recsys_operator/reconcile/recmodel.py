"""RecModel: observe → decide → apply. It has no children; only its status is written."""

import logging
from datetime import UTC, datetime
from typing import Any

from recsys_operator.api.kinds import RECMODELS
from recsys_operator.apply.changes import write_status
from recsys_operator.apply.client import Client
from recsys_operator.decide.recmodel.decision import decide
from recsys_operator.observe.recmodel import observe
from recsys_operator.reconcile.loop import Key, live
from recsys_operator.reconcile.notices import tell
from recsys_operator.settings import Settings

logger = logging.getLogger(__name__)


class RecModelReconciler:
    """Tells in a RecModel's status which versions there are and which one is the champion."""

    resource = RECMODELS

    def __init__(self, client: Client, settings: Settings) -> None:
        self.client = client
        self.settings = settings

    async def __call__(self, key: Key, inbox: tuple[Any, ...] = ()) -> float | None:
        """Reconcile once; whatever changes its status wakes it."""
        obj = await live(self.client, RECMODELS, key)
        if "deletionTimestamp" in obj["metadata"]:
            return None
        decision = decide(await observe(self.client, obj), datetime.now(UTC))
        await write_status(self.client, obj, decision.status.wire())
        await tell(self.client, logger, obj, decision.notices)
        return None
