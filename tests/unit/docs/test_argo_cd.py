"""The health scripts in docs/how-to/argo-cd.md know the reasons of the conditions that they read."""

import re

import pytest
import yaml
from tests.unit.docs.pages import ROOT, blocks, table_words

KEY = "resource.customizations.health.recsys.dev_"
LISTED = re.compile(r"(\w+) = true")


def scripts() -> dict[str, str]:
    """Each script, by the kind that it is about."""
    found = [
        yaml.safe_load(block.text)["data"]
        for block in blocks((ROOT / "docs/how-to/argo-cd.md").read_text())
        if KEY in block.text
    ]
    return {name.removeprefix(KEY): script for data in found for name, script in data.items()}


@pytest.mark.parametrize(("kind", "condition"), [("Deployment", "Ready"), ("TrainingRun", "Succeeded")])
def test_a_script_lists_reasons_that_there_are(kind: str, condition: str) -> None:
    script = scripts()[kind]
    listed = LISTED.findall(script)
    known = set(table_words((ROOT / "docs/concepts.md").read_text(), f"{kind} conditions"))
    assert f'condition.type == "{condition}"' in script
    assert listed
    assert len(listed) == len(set(listed))
    assert set(listed) - known == set()
