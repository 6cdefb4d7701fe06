"""One request to one answer: vocabulary, exclusions, the model, popular items where it knows nothing. No HTTP here."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from recsys_workers.manifest import Items
from recsys_workers.serve.catalogue import Catalogue
from recsys_workers.serve.contract import RecommendRequest
from recsys_workers.serve.scoring import Ranking, ScoringModel
from recsys_workers.serve.shadow_agreement import popularity_percentiles


class Fallback(StrEnum):
    """Where the items come from when the model was not asked."""

    NONE = "None"
    POPULAR = "Popular"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer, ready for the wire, and the facts that the metrics want."""

    body: bytes
    scores: list[float]
    fallback: Fallback
    asked: int
    """Ids of the history and of the candidates, each once."""
    unknown: int
    """Those of them that the model does not know."""


class Recommender:
    """Answers requests from one version. Called from one thread."""

    def __init__(
        self,
        model: str,
        version: int,
        items: Items,
        scoring: ScoringModel,
        catalogue: Catalogue,
        *,
        exclude_seen: bool,
    ) -> None:
        """`exclude_seen` is what a request gets that does not say whether it wants items of its history."""
        self._model = model
        self._version = version
        self._scoring = scoring
        self._catalogue = catalogue
        self._exclude_seen = exclude_seen
        self._ids = ["", *items.items]
        """Item ids by graph index; index 0 is the padding."""
        self._indices = {item: index for index, item in enumerate(items.items, start=1)}
        self._popularity = np.array([0, *items.popularity], dtype=np.float32)
        self._most_popular = 1 + np.argsort(-self._popularity[1:], kind="stable")
        """Graph indices by falling popularity, ties by index."""
        self._percentiles: npt.NDArray[np.float64] | None = None
        self.item_count = len(items.items)

    def recommend(self, request: RecommendRequest, request_id: str) -> Answer:
        """The answer's JSON: at most k items, best first, none of them excluded."""
        unknown: dict[str, None] = {}
        history = self._known([event.id for event in request.history], unknown)
        excluded = self._excluded(request, history, unknown)
        if history:
            fallback, ranking = Fallback.NONE, self._scoring.rank(history, excluded)
        else:
            fallback, ranking = Fallback.POPULAR, self._popular(request.k, excluded)
        indices = ranking.indices[: request.k].tolist()
        scores = ranking.scores[: request.k].tolist()
        body = json.dumps(
            {
                "requestId": request_id,
                "model": self._model,
                "version": self._version,
                "catalogue": self._catalogue.digest,
                "items": [self._item(*entry) for entry in zip(indices, scores, range(1, request.k + 1), strict=False)],
                "unknownIds": list(unknown),
                "fallback": fallback,
            },
            allow_nan=False,
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        asked = {event.id for event in request.history}.union(request.candidates or ())
        return Answer(body, scores, fallback, len(asked), len(unknown))

    def popularity_percentiles(self, ids: Iterable[str]) -> list[float]:
        """For each known id the share of the catalogue that was less popular in the training data, from 0 to 1."""
        if self._percentiles is None:
            self._percentiles = popularity_percentiles(self._popularity[1:].astype(np.float64))
        known = [self._indices[item] - 1 for item in ids if item in self._indices]
        return [float(value) for value in self._percentiles[known]]

    def _known(self, ids: list[str], unknown: dict[str, None]) -> list[int]:
        known = []
        for item in ids:
            index = self._indices.get(item)
            if index is None:
                unknown[item] = None
            else:
                known.append(index)
        return known

    def _excluded(
        self, request: RecommendRequest, history: list[int], unknown: dict[str, None]
    ) -> npt.NDArray[np.bool_]:
        excluded = np.zeros(len(self._ids), dtype=np.bool_)
        if request.candidates is not None:
            excluded[:] = True
            excluded[self._known(request.candidates, unknown)] = False
        if self._exclude_seen if request.excludeSeen is None else request.excludeSeen:
            excluded[history] = True
        if request.excludeIds:
            # An unknown id here changes nothing: it could not have been returned.
            excluded[self._known(request.excludeIds, {})] = True
        excluded[0] = True
        return excluded

    def _popular(self, k: int, excluded: npt.NDArray[np.bool_]) -> Ranking:
        allowed = self._most_popular[~excluded[self._most_popular]][:k]
        return Ranking(allowed, self._popularity[allowed])

    def _item(self, index: int, score: float, rank: int) -> dict[str, str | float]:
        item: dict[str, str | float] = {"id": self._ids[index], "score": score, "rank": rank}
        title = self._catalogue.titles.get(self._ids[index])
        if title is not None:
            item["title"] = title
        return item
