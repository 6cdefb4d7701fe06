"""What the generator refuses to write, and what it makes of a model."""

from typing import Any

import pytest
from hack.gen.structural import SchemaError, structural
from pydantic import Field, create_model

from recsys_operator.api.schema import Hyperparameters, Model, Quantity, Rule, listing

_COUNT = iter(range(10_000))


def model(annotation: Any, **field: Any) -> type[Model]:
    """A model with the one field `some_field`."""
    field.setdefault("description", "A field.")
    default = field.pop("default", ...)
    made: type[Model] = create_model(
        f"Made{next(_COUNT)}", __base__=Model, __doc__="Made.", some_field=(annotation, Field(default, **field))
    )
    return made


LIST = listing("atomic")
WRONG = {
    "has no description": model(str, max_length=3, description=""),
    "is a string without maxLength": model(str),
    "[] is a string without maxLength": model(tuple[str, ...], max_length=3, json_schema_extra=LIST),
    "is a list without maxItems": model(tuple[int, ...], json_schema_extra=LIST),
    "has no x-kubernetes-list-type": model(tuple[int, ...], max_length=3),
    "is a map without maxProperties": model(dict[str, int]),
    "{} is a string without maxLength": model(dict[str, str], max_length=3),
    "has the type number": model(float),
    "is a union of 2 types": model(int | bool),
    "uses exclusiveMinimum": model(int, gt=0),
    "is an object without fields": model(create_model("Nothing", __base__=Model)),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_field_that_lacks_something_fails_the_generation(fault: str) -> None:
    with pytest.raises(SchemaError) as error:
        structural(WRONG[fault], "spec", is_spec=True)
    assert str(error.value).startswith("spec.someField")
    assert fault in str(error.value)


def test_a_rule_needs_a_message() -> None:
    ruled = model(int)
    ruled.CEL = (Rule("self.someField > 1", ""),)
    with pytest.raises(SchemaError, match=r"has the rule self\.someField > 1 without a message"):
        structural(ruled, "spec", is_spec=True)


def test_a_status_may_hold_unbounded_strings_but_no_defaults() -> None:
    made = structural(model(str, default="x"), "status", is_spec=False)
    assert made["properties"]["someField"] == {"description": "A field.", "type": "string"}


def test_an_optional_object_is_inlined_with_its_rules() -> None:
    inner = model(int, ge=1, le=9)
    inner.CEL = (Rule("self.someField != 5", "not five"),)
    made = structural(model(inner | None, default=None, description="The inner one."), "spec", is_spec=True)
    assert made["properties"]["someField"] == {
        "description": "The inner one.",
        "type": "object",
        "required": ["someField"],
        "properties": {"someField": {"description": "A field.", "type": "integer", "minimum": 1, "maximum": 9}},
        "x-kubernetes-validations": [{"rule": "self.someField != 5", "message": "not five"}],
    }
    assert "required" not in made


def test_a_quantity_is_an_int_or_a_string() -> None:
    made = structural(model(Quantity, default="1"), "spec", is_spec=True)["properties"]["someField"]
    assert made["x-kubernetes-int-or-string"] is True
    assert made["default"] == "1"
    assert "type" not in made


def test_the_names_of_hyperparameters_are_bounded_by_a_rule() -> None:
    made = structural(model(Hyperparameters | None, default=None), "spec", is_spec=True)["properties"]["someField"]
    (rule,) = made["x-kubernetes-validations"]
    assert rule["rule"] == "self.all(name, name.matches('^[a-z][A-Za-z0-9]{0,39}$'))"
    assert made["additionalProperties"] == {"type": "string", "maxLength": 64}
