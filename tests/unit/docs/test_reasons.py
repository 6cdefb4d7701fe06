"""Every reason of a condition, an event or a cause in the code stands in docs/concepts.md, and nothing else does."""

import ast
import json
from collections.abc import Iterable, Mapping
from typing import get_args

import pytest
from tests.unit.docs.pages import ROOT, table_words
from tests.unit.docs.reasons import OPERATOR, WORD, WORKERS, Module, Unknown, Use, modules, values

from recsys_operator.api.notifications import TEMPLATE, EventName
from recsys_operator.decide.recmodel.decision import TOLD
from recsys_operator.decide.recmodel.ready import Reason as ModelReason
from recsys_operator.decide.trainingrun.decision import QUIET
from recsys_operator.decide.trainingrun.reasons import Reason as RunReason

DEPLOYMENT = modules(OPERATOR, "recsys_operator.decide.deployment")
RUN = modules(OPERATOR, "recsys_operator.decide.trainingrun")
MODEL = modules(OPERATOR, "recsys_operator.decide.recmodel")
NOTIFY = modules(OPERATOR, "recsys_operator.notify")
TRAIN = modules(WORKERS, "recsys_workers.train")
ROUTE = Module("recsys_operator.observe.route", OPERATOR / "recsys_operator/observe/route.py")


def collect(uses: Iterable[Use], known: Mapping[str, set[str]] | None = None) -> set[str]:
    return {word for use in uses for word in values(use, known or {})}


def every(where: list[Module], callee: str, position: int | None, keyword: str | None = None) -> list[Use]:
    return [use for module in where for use in module.uses(callee, position, keyword)]


def notices(where: list[Module], known: Mapping[str, set[str]]) -> set[str]:
    """The second argument of every Notice, and the reason that `replace` gives to one."""
    return collect([*every(where, "Notice", 1, "reason"), *every(where, "replace", None, "reason")], known)


def deployment_conditions() -> set[str]:
    unresolved = collect(every(DEPLOYMENT, "Unresolved", 0, "reason"))
    returned = [node.value for node in ast.walk(ROUTE.tree) if isinstance(node, ast.Return)]
    problems = [one.elts[1] for one in returned if isinstance(one, ast.Tuple) and len(one.elts) == 3]
    route = collect(Use(ROUTE, problem, None) for problem in problems)
    return collect(every(DEPLOYMENT, "Finding", 0, "reason"), {"target.reason": unresolved, "route.problem": route})


def deployment_events() -> set[str]:
    found = notices(DEPLOYMENT, {"failure.verdict": {"RolledBack", "Aborted"}})
    return found | collect(every(NOTIFY, "Event", None, "reason"))


def causes() -> set[str]:
    """Of history entries and blocks; a cause that is carried over from one to the other is no new one."""
    uses = [
        *every(DEPLOYMENT, "take_back", 3),
        *every(DEPLOYMENT, "_entry", 3),
        *every(DEPLOYMENT, "Failure", 0),
        *(use for name in ("Abort", "Block", "add", "_entry") for use in every(DEPLOYMENT, name, None, "cause")),
    ]
    carried = ("because.cause", "abort.cause", "block.cause", "bad.cause", "canary.cause", "failure.cause")
    inside = [use for use in uses if use.source != "cause" or _assigned_here(use)]
    return collect(inside, {name: set() for name in carried})


def _assigned_here(use: Use) -> bool:
    """Whether `cause` is a local name and not a parameter that is handed on: its callers are looked at themselves."""
    return use.function is not None and "cause" not in {one.arg for one in _parameters(use)}


def _parameters(use: Use) -> list[ast.arg]:
    assert use.function is not None
    return [*use.function.args.args, *use.function.args.kwonlyargs]


def run_conditions() -> set[str]:
    return {str(reason) for reason in RunReason}


def run_events() -> set[str]:
    told = {str(reason) for reason in RunReason} - {str(reason) for reason in QUIET} - {str(RunReason.RUNNING)}
    return notices(RUN, {"condition.reason": told})


def model_conditions() -> set[str]:
    return {str(reason) for reason in ModelReason}


def model_events() -> set[str]:
    return notices(MODEL, {"found.reason": {str(reason) for reason in TOLD}})


def trainer() -> set[str]:
    uses = [
        *every(TRAIN, "AttemptFailed", 0, "reason"),
        *every(TRAIN, "_never", 0, "reason"),
        *every(TRAIN, "write_termination_message", 0, "reason"),
    ]
    # `_never` hands its parameter on; the entry point hands on what AttemptFailed carries. The reasons that tell of a
    # version that the spec names begin with where it is named.
    uses = [use for use in uses if use.source not in ("reason", "error.reason", "self.prefix + kind")]
    searched = {
        prefix + kind
        for prefix in collect(every(TRAIN, "Search", 3, "prefix"))
        for kind in collect(every(TRAIN, "_refuse", 0, "kind"))
    }
    table = next(
        node.value
        for module in TRAIN
        for node in module.tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DETERMINISTIC_FAILURES"
    )
    assert isinstance(table, ast.Dict)
    return collect(uses) | searched | {str(ast.literal_eval(value)) for value in table.values}


FOUND = {
    "RecModel conditions": model_conditions,
    "TrainingRun conditions": run_conditions,
    "Deployment conditions": deployment_conditions,
    "RecModel events": model_events,
    "TrainingRun events": run_events,
    "Deployment events": deployment_events,
    "causes": causes,
    "trainer": trainer,
}


@pytest.mark.parametrize("name", FOUND)
def test_every_reason_is_documented_and_no_other(name: str) -> None:
    told = table_words((ROOT / "docs/concepts.md").read_text(), name)
    found = FOUND[name]()
    assert len(told) == len(set(told)), f"a reason stands twice in the table of {name}"
    assert found - set(told) == set(), f"the table «{name}» of docs/concepts.md lacks these reasons of the code"
    assert set(told) - found == set(), f"the table «{name}» of docs/concepts.md has reasons that the code does not know"
    assert all(WORD.fullmatch(word) for word in found)


def test_people_can_be_told_of_events_that_there_are() -> None:
    about_themselves = {"NotificationFailed", "NotificationTargetMissing"}
    assert set(get_args(EventName)) == deployment_events() - about_themselves
    schema = json.loads((ROOT / "charts/recsys-operator/values.schema.json").read_text())
    target = schema["properties"]["notifications"]["properties"]["targets"]["items"]["properties"]
    assert target["events"]["items"]["enum"] == list(get_args(EventName))
    assert {one["pattern"] for one in target["template"]["properties"].values()} == {TEMPLATE}


def test_no_condition_of_a_run_is_made_without_the_enum() -> None:
    """So that the enum is the whole list: reasons of the chain are its members, or those of a failure."""
    calls = [
        *every(RUN, "Verdict", 1),
        *every(RUN, "failed", 0),
        *every(RUN, "waiting", 0),
        *every(RUN, "Judgement", 1),
    ]
    handed_on = {"reason", "last.reason", "found.reason", "verdict.reason"}
    known = {name: set[str]() for name in handed_on}
    assert calls
    assert collect(calls, known) <= run_conditions()


def test_the_collector_refuses_what_it_cannot_follow() -> None:
    module = Module("recsys_operator.decide.notice", OPERATOR / "recsys_operator/decide/notice.py")
    computed = ast.parse("prefix + 'Failed'", mode="eval").body
    with pytest.raises(Unknown, match="cannot be followed"):
        values(Use(module, computed, None), {})
