"""Texts in CSV and TSV files that a spreadsheet opens: none of them may become a formula.

A spreadsheet computes a cell that begins with ``= + - @``, and such a text may come from somebody else's outlines. An
apostrophe before it makes it a text. Plain numbers stay as they are. Some spreadsheets take a semicolon, a tab or a line
break within a text for the end of the cell, so the same holds behind these.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

SIGNS = r"=+\-@\uff1d\uff0b\uff0d\uff20"
"""Signs before a formula; the wide ones of East Asian keyboards count too."""
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
FORMULA_START = re.compile(
    rf"(?P<before>\A(?='*[\t\r\n{SIGNS}])|[;\t\r\n](?='*[{SIGNS}]))(?P<quotes>'*)(?!'|(?:{NUMBER}|-)(?:\Z|[;\t\r\n]))",
    re.ASCII,
)
"""Start of a formula, with the apostrophes in front of it. A number is none, nor a lone hyphen, the mark of no value."""


def escape_formulas(text: str) -> str:
    """Return the text with one more apostrophe before each start of a formula."""
    return FORMULA_START.sub(r"\g<before>'\g<quotes>", text)


def restore_formulas(text: str) -> str:
    """Return the text that ``escape_formulas`` was given."""
    return FORMULA_START.sub(lambda found: found["before"] + found["quotes"][1:], text)


def escape_cells(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return the table with its texts escaped; numbers and empty cells stay the same."""
    texts = [name for name in table if table[name].dtype.kind == "O"]
    return table.assign(**{name: table[name].map(_escape_cell) for name in texts})


def _escape_cell(cell: object) -> object:
    return escape_formulas(cell) if isinstance(cell, str) else cell
