"""Titles of items, from the item table that RecModel's spec.catalogue names.

A catalogue decorates answers. Whatever is wrong with it, the model still serves: the cause is logged once, the metric
recsys_catalogue_titles stays 0, and items come without titles.
"""

import csv
import io
import json
import logging
import re
from dataclasses import dataclass, field

from recsys_workers import locations
from recsys_workers.manifest import digest_of

logger = logging.getLogger(__name__)

MAX_TITLE = 512
"""Longer titles are cut: they belong to a page, not to an answer."""


class BadCatalogue(Exception):
    """The catalogue cannot be used. The message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Titles by item id; `digest` names the bytes they came from, None when there is no catalogue."""

    titles: dict[str, str] = field(default_factory=dict)
    digest: str | None = None


def load(spec: str) -> Catalogue:
    """Read the catalogue that the JSON of spec.catalogue describes; an empty one when that is impossible."""
    if not spec or spec == "null":
        return Catalogue()
    try:
        return _load(spec)
    except BadCatalogue as error:
        logger.error("The catalogue is ignored, items come without titles: %s", error)
    return Catalogue()


def _load(spec: str) -> Catalogue:
    try:
        document = json.loads(spec)
        uri, form = str(document["uri"]), str(document["format"])
        id_column, title_column = str(document["idColumn"]), str(document["titleColumn"])
        path = locations.path_of(uri)
    except (ValueError, KeyError, TypeError) as error:
        raise BadCatalogue(f"RECSYS_CATALOGUE is not a catalogue: {error!r}.") from error
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadCatalogue(f"{uri} cannot be read ({error.strerror}).") from error
    text = data.decode("utf-8-sig", errors="replace")
    if form == "RecBole":
        titles = read_recbole(text, id_column, title_column)
    elif form == "CSV":
        titles = read_csv(text, id_column, title_column)
    else:
        raise BadCatalogue(f"its format is {form!r}; RecBole and CSV are supported.")
    return Catalogue(titles, digest_of(data))


def read_recbole(text: str, id_column: str, title_column: str) -> dict[str, str]:
    """An atomic file: tab-separated, header `name:type`; the column is named with or without its type.

    RecBole quotes nothing, so a title may hold any quote character.
    """
    lines = re.split("\r\n?|\n", text)
    header = lines[0].split("\t")
    names = [name.partition(":")[0] for name in header]
    id_at = _column(names, header, id_column)
    title_at = _column(names, header, title_column)
    rows = (line.split("\t") for line in lines[1:])
    return {row[id_at]: row[title_at][:MAX_TITLE] for row in rows if len(row) > max(id_at, title_at) and row[title_at]}


def read_csv(text: str, id_column: str, title_column: str) -> dict[str, str]:
    """Comma-separated with a header line, quoted as in RFC 4180."""
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(rows, [])
        id_at = _column(header, header, id_column)
        title_at = _column(header, header, title_column)
        return {
            row[id_at]: row[title_at][:MAX_TITLE] for row in rows if len(row) > max(id_at, title_at) and row[title_at]
        }
    except csv.Error as error:
        raise BadCatalogue(f"line {rows.line_num} is not CSV: {error}.") from error


def _column(names: list[str], header: list[str], column: str) -> int:
    for candidates in (names, header):
        if column in candidates:
            return candidates.index(column)
    raise BadCatalogue(f"it has no column {column!r}; its columns are {', '.join(names) or 'none'}.")
