"""`spec.tuning` against the JSON Schema of the architecture, before a pod is started for it: no trial may be refused.

Each end of a range, and each of the values, is held against the schema as a hyperparameter of the run would be. A rule
between two hyperparameters must hold for some of the trials: those that break it are drawn anew by the trainer.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from recsys_operator.api.architectures import Schema
from recsys_operator.api.by_task import METRICS, OF_RANKING, RANKING, TABULAR
from recsys_operator.api.recmodel import RecModelSpec
from recsys_operator.api.tuning import TunedParameter, Tuning
from recsys_operator.decide import hyperparameters
from recsys_operator.decide.hyperparameters import Source, schema_of

FIELD = "spec.tuning.parameters"


def faults(
    architecture: str, tuning: Tuning, *sources: Source, begins_with: int | None = None, schema: Schema | None = None
) -> tuple[str, ...]:
    """What is wrong with the space and with what is the same in all trials, a sentence each.

    `begins_with` is the version of spec.initFrom.
    """
    schema = schema_of(architecture) if schema is None else schema
    tuned = {parameter.name: parameter for parameter in tuning.parameters}
    fixed = [Source(one.field, {name: one.values[name] for name in one.values if name not in tuned}) for one in sources]
    values = {name: tuple(_of_values(architecture, schema, name, one)) for name, one in tuned.items()}
    sound = {name: tuned[name] for name in tuned if not values[name]}
    wrong = {*hyperparameters.wrong_names(schema, *fixed), *(tuned.keys() - sound.keys())}
    return (
        *hyperparameters.value_faults(architecture, *fixed, schema=schema),
        *(fault for found in values.values() for fault in found),
        *_of_network(schema, sound, begins_with),
        *_of_rules(schema, sound, wrong, *fixed),
        *(() if "epochs" in wrong else _of_asha(schema, tuning, sound, hyperparameters.merge(*fixed))),
    )


def objective_faults(tuning: Tuning, model: RecModelSpec) -> tuple[str, ...]:
    """What is wrong with the metric that is to be compared: it must be one that the model's task can validate by."""
    wanted = tuning.objective
    if wanted is None:
        return ()
    if model.task == TABULAR:
        of, allowed = f"the objective {model.objective}", METRICS[str(model.objective)]
    elif model.task == RANKING:
        of, allowed = f"the task {RANKING}", tuple(name for name in OF_RANKING if name != "GAUC")
    else:
        of, allowed = f"the task {model.task}", ("NDCG@k", "HR@k", "MRR@k")
    if wanted in allowed or (allowed[0] == "NDCG@k" and "@" in wanted):
        return ()
    return (f"spec.tuning.objective is {wanted}, but of {of} it must be one of {', '.join(allowed)}.",)


def _of_values(architecture: str, schema: Schema, name: str, parameter: TunedParameter) -> Iterator[str]:
    declared: Mapping[str, Schema] = schema["properties"]
    place = f"{FIELD}[{name}]"
    if name in declared and "enum" in declared[name] and parameter.values is None:
        allowed = ", ".join(declared[name]["enum"])
        yield f"{place} has min and max, but {name} is one of {allowed}: give values."
        return
    for field, value in _given(parameter) if name in declared else [("", "")]:
        yield from hyperparameters.value_faults(
            architecture, Source(place, {name: value}), schema=schema, place=f"{place}{field}"
        )


def _given(parameter: TunedParameter) -> list[tuple[str, str]]:
    """Each value that the space names, with the field that it stands in."""
    if parameter.values is not None:
        return [(f".values[{number}]", value) for number, value in enumerate(parameter.values)]
    return [(".min", str(parameter.min)), (".max", str(parameter.max))]


def _of_network(schema: Schema, tuned: Mapping[str, TunedParameter], begins_with: int | None) -> Iterator[str]:
    if begins_with is None:
        return
    for name in tuned:
        if not schema["properties"][name].get("x-recsys-keeps-weights", False):
            yield (
                f"{FIELD}[{name}] makes another network than that of version {begins_with}, whose weights "
                "spec.initFrom begins with: leave it or spec.initFrom out."
            )


def _of_rules(
    schema: Schema, tuned: Mapping[str, TunedParameter], wrong: Collection[str], *fixed: Source
) -> Iterator[str]:
    given = hyperparameters.merge(*fixed)
    same_as: Mapping[str, str] = schema.get("x-recsys-same-as", {})

    def may_be(name: str) -> TunedParameter | str:
        if name in tuned:
            return tuned[name]
        if name in given:
            return given[name]
        return may_be(same_as[name]) if name in same_as else str(schema["properties"][name].get("default", ""))

    for rule in hyperparameters.to_judge(schema, {*tuned, *given, *wrong}, wrong):
        left, relation, right = rule["left"], rule["relation"], rule["right"]
        if not {left, right} & _following(tuned, same_as, given):
            yield from hyperparameters.broken_rules({**schema, "x-recsys-rules": [rule]}, *fixed)
        elif relation == "only with":
            if (left in tuned or left in given) and rule["value"] not in _words(may_be(right)):
                place = f"{FIELD}[{left}]" if left in tuned else f"The hyperparameter {left}"
                yield (
                    f"{place} changes nothing, because {right} is never {rule['value']}: leave {left} out, or let "
                    f"{right} be {rule['value']}."
                )
        elif not (left not in given and left not in tuned and same_as.get(left) == right) and not _some(
            may_be(left), relation, may_be(right)
        ):
            place = ", ".join(f"{FIELD}[{name}]" for name in (left, right) if name in tuned) or FIELD
            yield f"{place}: {left} must be {relation} {right}, and no trial could be so."


def _following(tuned: Mapping[str, TunedParameter], same_as: Mapping[str, str], given: Mapping[str, str]) -> set[str]:
    """The names whose value differs between trials."""
    return {*tuned, *(name for name, source in same_as.items() if source in tuned and name not in given)}


def _words(value: TunedParameter | str) -> Sequence[str]:
    return [value] if isinstance(value, str) else value.values or ()


def _some(left: TunedParameter | str, relation: str, right: TunedParameter | str) -> bool:
    """Whether some whole numbers that both may be stand in the relation."""
    times = 2 if relation.endswith(" twice") else 1
    return any(
        low <= high // bound * bound if relation.startswith("a multiple") else high >= bound
        for low, high in _ranges(left)
        for bound in (times * other for other in _bounds(right, relation))
    )


def _ranges(value: TunedParameter | str) -> list[tuple[int, int]]:
    if isinstance(value, TunedParameter) and value.values is None:
        return [(int(str(value.min)), int(str(value.max)))]
    return [(int(word), int(word)) for word in _words(value)]


def _bounds(value: TunedParameter | str, relation: str) -> Iterator[int]:
    for low, high in _ranges(value):
        yield from range(low, high + 1) if relation.startswith("a multiple") else (low,)


def _of_asha(
    schema: Schema, tuning: Tuning, tuned: Mapping[str, TunedParameter], given: Mapping[str, str]
) -> Iterator[str]:
    if tuning.asha is None:
        return
    epochs: TunedParameter | str = (
        tuned.get("epochs") or given.get("epochs") or schema["properties"]["epochs"]["default"]
    )
    longest = max(high for _, high in _ranges(epochs))
    if tuning.asha.grace_period >= longest:
        yield (
            f"spec.tuning.asha.gracePeriod is {tuning.asha.grace_period}, and no trial has more than {longest} epochs, "
            "so none could be ended early: lower it, or leave spec.tuning.asha out."
        )
