"""Columns of text as the weights of their words (TF-IDF), by the trainer and by the server alike.

The definition is that of scikit-learn's TfidfVectorizer as it comes: lower case, words of two letters, digits or
underscores and more, idf(word) = ln((1 + texts) / (1 + texts with the word)) + 1, a text's weight of a word = its count
there times idf, and each text's weights divided by the root of the sum of their squares. Of too many words those stay
that are counted most often in all texts. numpy and the standard library only.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

WORD = re.compile(r"\b\w\w+\b")
USUAL_WORDS = 512
"""Of a column that does not say how many."""


@dataclass(frozen=True, slots=True)
class Text:
    """One input for the weight of each word, and with `missing` one that tells that there is no text."""

    name: str
    words: tuple[str, ...]
    idf: tuple[float, ...]
    """Of each word."""
    missing: bool
    fill: str | None = None
    """The text that takes the place of a missing one; None: none does."""
    places: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """Each word's place."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {word: index for index, word in enumerate(self.words)})

    @property
    def width(self) -> int:
        """How many numeric inputs it makes."""
        return len(self.words) + self.missing

    def numbers(self, texts: Sequence[str | None]) -> npt.NDArray[np.float32]:
        """The inputs, [rows, width]. A text without a known word has no weights."""
        made = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, text in enumerate(texts):
            if text is None:
                made[row, len(self.words) :] = 1
                continue
            counts = Counter(self.places[word] for word in words_of(text) if word in self.places)
            # In the order of the places, so that a text's sum is the same to the bit wherever it is computed.
            weights = {place: counts[place] * self.idf[place] for place in sorted(counts)}
            length = math.sqrt(sum(weight * weight for weight in weights.values()))
            for place, weight in weights.items():
                made[row, place] = weight / length
        return made


def words_of(text: str) -> list[str]:
    """The words of a text, in its order."""
    return WORD.findall(text.lower())


def fitted(name: str, texts: Iterable[str], most: int, *, missing: bool) -> Text:
    """The words of these texts, at most so many and in alphabetical order; there are none where no text has one."""
    count, total, among = 0, Counter[str](), Counter[str]()
    for text in texts:
        found = words_of(text)
        count += 1
        total.update(found)
        among.update(set(found))
    words = sorted(sorted(total, key=lambda word: (-total[word], word))[:most])
    idf = tuple(math.log((1 + count) / (1 + among[word])) + 1 for word in words)
    return Text(name, tuple(words), idf, missing)
