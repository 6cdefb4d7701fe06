"""The body of an apply is read by YAML as what it was."""

import json

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from recsys_operator.apply.yaml_body import yaml_body
from recsys_workers.train.progress import _yaml

TEXTS = st.text(
    st.characters() | st.characters(categories=["Cs"]) | st.sampled_from("\x00\x1b\x7f\x85\u2028\ufeff\uffff")
)


@pytest.mark.parametrize("written", [yaml_body, _yaml], ids=["operator", "trainer"])
@given(TEXTS)
@example("GLHF! \U0001f3d6\ufe0f")
@example('\\ud83c\\udfd6 \\\\ "quoted"')
@example("\x1b[32m\x7f\x85\u2028\ufeff\ufffe")
@example("half \ud83c of a pair")
def test_any_text_comes_through(written: object, text: str) -> None:
    assert callable(written)
    body = written({"status": {"log": text, f"a {text}": 1}})
    expected = "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in text)
    read = {"status": {"log": expected, f"a {expected}": 1}}
    assert yaml.load(body, yaml.CSafeLoader) == read
    assert json.loads(body) == read
