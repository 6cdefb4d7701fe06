"""What is served equals a reference in plain numpy, whatever is asked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.workers.serve.tiny_version import embedding_of, graph_of

from recsys_workers.manifest import Items
from recsys_workers.serve.catalogue import Catalogue
from recsys_workers.serve.contract import RecommendRequest
from recsys_workers.serve.recommender import Fallback, Recommender
from recsys_workers.serve.scoring import BrokenModel, ScoringModel

ITEM_COUNT, MAX_LENGTH, INPUT_LENGTH = 130, 4, 7
EMBEDDING = embedding_of(ITEM_COUNT)
ITEMS = Items([f"i{number}" for number in range(1, ITEM_COUNT + 1)], [number % 9 for number in range(ITEM_COUNT)])
RECOMMENDER = Recommender(
    "movies",
    4,
    ITEMS,
    ScoringModel(graph_of(EMBEDDING, 100), ITEM_COUNT, MAX_LENGTH, INPUT_LENGTH, threads=1),
    Catalogue({"i1": "One"}, "sha256:" + "0" * 64),
    exclude_seen=True,
)

ids = st.sampled_from([*ITEMS.items, "nobody", "i0", "i131"])
requests = st.fixed_dictionaries(
    {
        "history": st.lists(st.fixed_dictionaries({"id": ids}), max_size=12),
        "k": st.integers(1, 100),
        "excludeSeen": st.booleans(),
        "excludeIds": st.lists(ids, max_size=40),
        "candidates": st.none() | st.lists(ids, max_size=60) | st.just(ITEMS.items),
    }
)


def served(content: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        RECOMMENDER.recommend(RecommendRequest.model_validate(content), "request-1").body
    )
    return answer


def reference(content: dict[str, Any]) -> list[tuple[str, float]]:
    """The k best (id, score) by the definition: score all, drop the excluded, sort by score, ties by index."""
    history = [event["id"] for event in content["history"] if event["id"] in ITEMS.items]
    if history:
        recent = [ITEMS.items.index(item) + 1 for item in history[-MAX_LENGTH:]]
        scores = EMBEDDING[1:] @ EMBEDDING[recent].sum(axis=0)
    else:
        scores = np.array(ITEMS.popularity, dtype=np.float32)
    allowed = set(ITEMS.items if content["candidates"] is None else content["candidates"])
    allowed -= set(content["excludeIds"])
    if content["excludeSeen"]:
        allowed -= set(history)
    ranked = sorted(
        (-float(score), index) for index, score in enumerate(scores) if ITEMS.items[index] in allowed
    )  # fmt: skip
    return [(ITEMS.items[index], -negative) for negative, index in ranked[: content["k"]]]


@settings(max_examples=200, deadline=None)
@given(requests)
def test_served_items_equal_the_reference(content: dict[str, Any]) -> None:
    answer = served(content)
    assert [(item["id"], item["score"]) for item in answer["items"]] == reference(content)
    assert [item["rank"] for item in answer["items"]] == list(range(1, len(answer["items"]) + 1))
    known = any(event["id"] in ITEMS.items for event in content["history"])
    assert answer["fallback"] == ("None" if known else "Popular")


def test_history_beyond_the_models_length_is_cut_but_still_excluded() -> None:
    old, recent = ITEMS.items[:20], ITEMS.items[50 : 50 + MAX_LENGTH]
    long = served({"history": [{"id": item} for item in old + recent], "k": 100})
    short = served({"history": [{"id": item} for item in recent], "k": 100, "excludeIds": old})
    assert long["items"] == short["items"]
    assert not {item["id"] for item in long["items"]} & set(old + recent)


def test_unknown_items_do_not_push_known_ones_out_of_the_models_length() -> None:
    known = [{"id": item} for item in ITEMS.items[:MAX_LENGTH]]
    with_noise = served({"history": known + [{"id": "nobody"}] * 10})
    assert with_noise["items"] == served({"history": known})["items"]


def test_unknown_ids_are_listed_once_in_order_of_appearance() -> None:
    answer = served(
        {
            "history": [{"id": "b"}, {"id": "i1"}, {"id": "a"}, {"id": "b"}],
            "candidates": ["i2", "c"],
            "excludeIds": ["d"],
        }
    )
    assert answer["unknownIds"] == ["b", "a", "c"]
    assert answer["fallback"] == "None"


def test_a_title_is_given_where_the_catalogue_has_one() -> None:
    answer = served({"candidates": ["i1", "i2"]})
    assert [item.get("title") for item in sorted(answer["items"], key=lambda item: item["id"])] == ["One", None]
    assert answer["catalogue"] == "sha256:" + "0" * 64


def test_the_answer_says_who_gave_it() -> None:
    answer = served({})
    assert (answer["requestId"], answer["model"], answer["version"]) == ("request-1", "movies", 4)
    assert type(answer["version"]) is int


def test_facts_for_the_metrics() -> None:
    answer = RECOMMENDER.recommend(RecommendRequest.model_validate({"history": [{"id": "x"}], "k": 3}), "r")
    assert (answer.fallback, answer.unknown, answer.scores) == (Fallback.POPULAR, 1, [8.0, 8.0, 8.0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_score_that_is_not_finite_is_an_error_and_not_an_answer(value: float) -> None:
    broken = embedding_of(10)
    broken[3] = value
    scoring = ScoringModel(graph_of(broken, 10), 10, 4, 4, threads=1)
    recommender = Recommender(
        "m", 1, Items([str(n) for n in range(10)], [0] * 10), scoring, Catalogue(), exclude_seen=True
    )
    with pytest.raises(BrokenModel, match="not a finite number"):
        recommender.recommend(RecommendRequest.model_validate({"history": [{"id": "1"}], "excludeSeen": False}), "r")


def test_fewer_items_than_the_usual_k(tmp_path: Path) -> None:
    scoring = ScoringModel(graph_of(embedding_of(3), 3), 3, 4, 4, threads=1)
    recommender = Recommender("m", 1, Items(["a", "b", "c"], [1, 2, 3]), scoring, Catalogue(), exclude_seen=True)
    answer = recommender.recommend(RecommendRequest.model_validate({"history": [{"id": "a"}], "k": 100}), "r")
    assert {item["id"] for item in json.loads(answer.body)["items"]} == {"b", "c"}
