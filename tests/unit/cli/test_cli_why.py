"""The paragraph, for each thing that can be in the way of the newest version."""

from typing import Any

import pytest
from tests.unit.cli.recorded import (
    ANALYSIS,
    BLOCK,
    BLOCKED,
    CANARY,
    NOW,
    SERVING,
    TRYING,
    ago,
    condition,
    deployment,
    failed_run,
    recmodel,
)

from recsys_cli.read import failed_gates, model, rollout
from recsys_cli.why import why


def told(obj: Any, *verdicts: str, champion: int | None = None, failed: tuple[str, ...] = ()) -> str:
    its = model(recmodel(*verdicts, champion=champion)) if verdicts else None
    return why(rollout(obj), its, failed, NOW)


def test_it_does() -> None:
    assert told(deployment(SERVING), "Passed") == (
        "It does: version 1, the newest of RecModel movies, serves since 2026-03-02 10:00 (2d2h ago)."
    )


def test_gates() -> None:
    failed = tuple(failed_gates(failed_run(2)))
    assert told(deployment(SERVING), "Passed", "Failed", failed=failed) == (
        "The newest version of RecModel movies is 2; version 1 serves. Version 2 failed its gates (accurate: NDCG@10 "
        "is 0.021 (0.019 to 0.023), 0.03 is asked for) and can never be deployed. The newest that passed and is not "
        "blocked here is version 1. The operator says Serving: Version 1 serves all requests."
    )


def test_gates_of_a_run_that_is_gone() -> None:
    assert "failed its gates (see TrainingRun movies-2)" in told(deployment(SERVING), "Passed", "Failed")


def test_a_pin() -> None:
    text = told(deployment(SERVING, version={"pin": 1}), "Passed", "Passed", "Passed", "Passed")
    assert "The newest version of RecModel movies is 4; version 1 serves. spec.version pins version 1," in text


def test_a_pin_on_a_blocked_version() -> None:
    text = told(deployment(BLOCKED, version={"pin": 4}), "Passed", "Failed", "Failed", "Passed")
    assert "Version 4 is blocked here since 2026-03-04 10:00 (Alert: RecsysLatency: p99 is over three times" in text
    assert "`kubectl recsys unblock movies -n shop --version 4` lets it be tried again." in text
    assert "pins version" not in text


def test_an_aborted_version_is_retried_not_unblocked() -> None:
    block = {**BLOCK, "cause": "AbortedByCommand", "message": "It was aborted by command."}
    text = told(deployment({**SERVING, "blocked": [block]}), "Passed", "Failed", "Failed", "Passed")
    assert "`kubectl recsys retry movies -n shop --version 4`" in text
    assert "The newest that passed and is not blocked here is version 1." in text


def test_the_champion() -> None:
    text = told(deployment(SERVING, version={"follow": "Champion"}), "Passed", "Passed", champion=1)
    assert "follows the champion, which the rollouts of Deployment movies decide: that is version 1." in text
    assert "that is not chosen yet." in told(deployment(SERVING, version={"follow": "Champion"}), "Passed", "Passed")


def test_a_canary_under_way() -> None:
    analysis = {**TRYING, "canary": {**CANARY, "analysis": ANALYSIS}}
    text = told(deployment(analysis), "Passed", "Failed", "Failed", "Passed")
    assert (
        "Version 4 is on its way since 2m30s with 10 % of the requests, at step 2 of 4 (pause 5m, 3m left). The "
        "operator says Progressing: Version 4: 10 % (step 2 of 4)." in text
    )
    assert "Analysis p99 is Inconclusive: 12 of 100 requests that a look needs." in text
    assert "Analysis empty is Failed: 0.4, threshold 0.05." in text
    assert "success-rate" not in text


@pytest.mark.parametrize(
    ("status", "spec", "sentence"),
    [
        ({**TRYING, "canary": {**CANARY, "held": True}}, {}, "`kubectl recsys resume movies -n shop` lets it go on."),
        ({**TRYING, "canary": {**CANARY, "step": 3}}, {}, "waits for: kubectl recsys promote movies -n shop"),
        (TRYING, {"paused": True}, "(pause 5m, 3m left, held by spec.paused)."),
        (SERVING, {"paused": True}, "spec.paused is true: no rollout begins until it is false."),
        (
            {
                **TRYING,
                "conditions": [condition("False", "Frozen", "Version 4: 10 %; the freeze window night holds it.")],
            },
            {},
            "The operator says Frozen: Version 4: 10 %; the freeze window night holds it.",
        ),
        (
            {
                **TRYING,
                "canary": {
                    **CANARY,
                    "weight": 0,
                    "abort": {"verdict": "RolledBack", "cause": "Alert", "message": "p99 is high.", "time": ago(1)},
                },
            },
            {},
            "Version 4 is being taken back (Alert): p99 is high.",
        ),
        ({**SERVING, "observedGeneration": 2}, {}, "has not acted on the last edit of Deployment shop/movies yet"),
        ({}, {}, "The newest version of RecModel movies is 4; nothing serves yet."),
        ({}, {}, "The operator has not written a status yet: is it running"),
    ],
)
def test_what_holds_it(status: Any, spec: Any, sentence: str) -> None:
    assert sentence in told(deployment(status, **spec), "Passed", "Failed", "Failed", "Passed")


def test_no_model_and_no_version() -> None:
    assert told(deployment(SERVING)).startswith("RecModel movies is not there, so nobody knows of a version.")
    nothing = why(rollout(deployment(SERVING)), model(recmodel()), (), NOW)
    assert nothing.startswith("RecModel movies has no version yet: a TrainingRun makes one. The operator says Serving")


def test_it_is_one_paragraph() -> None:
    for text in (told(deployment(TRYING), "Passed", "Failed"), told(deployment(BLOCKED), "Passed", "Passed")):
        assert "\n" not in text
        assert "  " not in text
        assert text.endswith(".")
