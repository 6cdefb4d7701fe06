"""What is said, and to whom."""

import re
from pathlib import Path

import pytest
from tests.unit.decide.deployment_world import World, canary

from recsys_operator.api.notifications import BODY, FIELDS, TEMPLATE, TITLE, Template
from recsys_operator.decide.notice import Notice
from recsys_operator.notify.message import compose, fields
from recsys_operator.notify.targets import load

NOTICE = Notice("Warning", "RolledBack", "Version 4 is taken back: {stable}\nline", "RollBack")


def values(world: World, notice: Notice = NOTICE) -> dict[str, str]:
    return fields("shop", "movies", world.spec, world.status, notice, "2026-01-02T03:04:05Z")


def test_every_field_of_a_template_has_a_value() -> None:
    assert values(canary()).keys() == set(FIELDS)
    assert values(World())["stable"] == "none"
    assert re.fullmatch(TEMPLATE, TITLE)
    assert re.fullmatch(TEMPLATE, BODY)


@pytest.mark.parametrize(
    "wrong", ["{nothing}", "{event", "event}", "{event.__class__}", "{event!r}", "{{event}}", "{}"]
)
def test_a_template_names_its_fields_and_nothing_else(wrong: str) -> None:
    assert not re.fullmatch(TEMPLATE, wrong)
    assert re.fullmatch(TEMPLATE, "{event}: {namespace}/{deployment} ($5, 10 %)")


def test_a_message_is_composed_from_the_first_template_that_says_how() -> None:
    world = canary()
    own, default = Template(title="{event}  of\n{deployment}"), Template(title="other", body="{message}|{canary}")
    message = compose(NOTICE, values(world), own, default)
    assert message.title == "RolledBack of movies"
    assert message.body == "Version 4 is taken back: {stable}\nline|4", "what a value holds is no template"
    assert message.kind == "failure"
    plain = compose(NOTICE, values(world), None, None)
    assert plain.title == "[shop/movies] RolledBack"
    assert "stable 1, canary 4 at 10 %" in plain.body


@pytest.mark.parametrize(
    ("reason", "severity", "kind"),
    [
        ("Promoted", "Normal", "success"),
        ("WeightChanged", "Normal", "info"),
        ("Frozen", "Warning", "warning"),
        ("Degraded", "Warning", "failure"),
    ],
)
def test_how_serious_a_message_is(reason: str, severity: str, kind: str) -> None:
    notice = Notice(severity, reason, "Text.", "Act")  # type: ignore[arg-type]
    assert compose(notice, values(World(), notice)).kind == kind


def test_targets_are_read_and_faulty_ones_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text(
        "targets:\n"
        "- {name: oncall, events: [RolledBack]}\n"
        "- {name: shop, namespaces: [shop]}\n"
        "- {name: shop}\n"
        "- {name: json://user:s3cret@host}\n"
        "- {name: typo, events: [Rolledback]}\n"
    )
    targets = load(file, tmp_path)
    assert set(targets.by_name) == {"oncall", "shop"}
    assert targets.faulty == 3
    assert targets.find("shop", "shop")
    assert targets.find("shop", "news") is None
    assert targets.find("oncall", "news")
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("text", [None, "targets: {}", "- a", "targets: [", "\xff"])
def test_a_file_that_cannot_be_read_gives_no_targets_and_is_counted(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "targets.yaml"
    if text is not None:
        file.write_text(text, encoding="latin-1")
    targets = load(file, None)
    assert (targets.by_name, targets.faulty) == ({}, 1)


def test_without_a_file_nobody_is_told() -> None:
    assert load(None, None).by_name == {}
    assert load(None, None).faulty == 0


def test_addresses_are_the_lines_of_a_file_as_it_is_now(tmp_path: Path) -> None:
    targets = load(None, tmp_path)
    assert targets.addresses("oncall") == ()
    (tmp_path / "oncall").write_text("# the team\njson://a\n\n  mailto://b  \njson://a\n")
    assert targets.addresses("oncall") == ("json://a", "mailto://b")
    (tmp_path / "oncall").write_text("json://c")
    assert targets.addresses("oncall") == ("json://c",)
    assert load(None, None).addresses("oncall") == ()
