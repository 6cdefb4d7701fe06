"""What a run takes over of a version's columns of times and of texts."""

from dataclasses import replace

import pytest

from recsys_workers.calendars import Calendar
from recsys_workers.preprocessing import BINARY, Numeric, OneHot, Preprocessing, Target
from recsys_workers.tabular.continued import OtherNetwork, continued
from recsys_workers.tfidf import Text
from recsys_workers.train import axes
from recsys_workers.train.axes import NEW

WORDS = Text("review", ("good", "bad"), (1.0, 2.0), missing=False)
BOUGHT = Calendar("bought", "Seconds", "OneHot", {"Hour": (7, 9), "Month": (1,)}, missing=True)
PLAN = OneHot("plan", ("a", "b"), missing=False)
THEIRS = Preprocessing(
    (Numeric("age", 40.0, 10.0, missing=False), BOUGHT, WORDS, PLAN), Target("left", BINARY, ("0", "1"))
)


def test_numbers_and_words_stay_and_values_are_found_by_name() -> None:
    ours = replace(
        THEIRS,
        columns=(
            Numeric("age", 50.0, 5.0, missing=False),
            replace(BOUGHT, unit="Milliseconds", parts={"Hour": (9, 23), "Month": (1, 2)}),
            replace(WORDS, words=("fine",), idf=(3.0,)),
            replace(PLAN, values=("b", "c")),
        ),
    )
    found = continued(ours, THEIRS, 2)
    age, bought, words, plan = found.preprocessing.columns
    assert (age, words) == (THEIRS.columns[0], WORDS)
    assert (bought, plan) == (ours.columns[1], ours.columns[3])
    # The version's rows: 0 unknown, hours 7 and 9 and none, month 1 and none, plans a and b.
    categories = found.axes[axes.CATEGORIES]
    assert categories.theirs == THEIRS.table_size == 8
    assert categories.places.tolist() == [0, 2, NEW, 3, 4, NEW, 5, 7, NEW]
    assert len(categories) == found.preprocessing.table_size


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (replace(BOUGHT, encoding="Cyclic", parts={"Hour": (), "Month": ()}), "bought (Calendar Cyclic Hour Month"),
        (replace(BOUGHT, parts={"Hour": (7, 9)}), "bought (Calendar OneHot Hour, missing)"),
        (replace(WORDS, name="title"), "title (Text)"),
    ],
    ids=["encoding", "parts", "name"],
)
def test_other_columns_are_of_another_network(column: Calendar | Text, told: str) -> None:
    at = 1 if isinstance(column, Calendar) else 2
    columns = (*THEIRS.columns[:at], column, *THEIRS.columns[at + 1 :])
    with pytest.raises(OtherNetwork) as raised:
        continued(replace(THEIRS, columns=columns), THEIRS, 2)
    assert told in str(raised.value)
