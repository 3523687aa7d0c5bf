"""The language of messages: settings by their dotted names in a run of a configuration, as options on the command line.

The library names settings as a configuration has them (patches.crop.min_valid). Where a person gave options instead, the log
names these: ``--min-valid``. All errors and warnings pass through the log, so its formatter is the one place for this.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from lobate.io.redaction import RedactingFormatter

OTHER_NAMES = {
    "imagery.tiles": ("images", "image", "scenes"),
    "imagery.scenes": ("table", "scenes"),
    "imagery.find.area": ("area",),
    "mapping.filter.occurrence_files": ("occurrences",),
}
"""Setting -> inputs of verbs that hold its files under another name."""
VALUE = r'"[^"]*"|\[[^\]]*\]|true|false|none|fixed|percentiles|frozen|trained|random|grouped|blocks|field|-?\d[\d.]*\b'
FEW = 4


def inputs_by_setting(inputs: set[str], settings: set[str]) -> dict[str, str]:
    """Return setting -> option for the settings that name the files of one of a verb's ``inputs``.

    ``settings``: the dotted names of all settings of the configuration.
    """
    named = {name: (name.rpartition(".")[2],) for name in settings} | OTHER_NAMES
    options = {name: next((one for one in candidates if one in inputs), "") for name, candidates in named.items()}
    return {name: f"--{one.replace('_', '-')}" for name, one in options.items() if one}


class OptionNames:
    """Settings -> words of the command line: an option of the same command, or another phrase."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = dict(options)
        sections = {name.rpartition(".")[0] for name in options}
        self._sections = {section: self._below(section) for section in sections if section and section not in options}
        names = "|".join(re.escape(name) for name in sorted({*self._options, *self._sections}, key=len, reverse=True))
        self._pattern = re.compile(
            rf"\b(?:(the )?(settings? ))?(?<![\w./-])({names})(\[\d+\](?:\.path)?)?(?![\w-]|\.\w)(?:: (?=({VALUE})))?",
            re.I,
        )

    def __call__(self, text: str) -> str:
        """Return a message with options in the place of settings."""
        return self._pattern.sub(self._spell, text) if self._options else text

    def _spell(self, match: re.Match[str]) -> str:
        article, noun, name, value = match[1] or "", match[2] or "", match[3], match[5]
        words = self._options.get(name) or self._sections[name]
        noun = {"s": "option ", "S": "Option "}.get(noun[:1], "") if words.startswith("--") else ""
        article = article if noun else ""
        return f"{article}{noun}{words}{' ' if value else ''}"

    def _below(self, section: str) -> str:
        options = [option for name, option in self._options.items() if name.startswith(f"{section}.")]
        return " or ".join(options) if len(options) <= FEW else f"the options of {section}"


class Formatter(RedactingFormatter):
    """A formatter of log messages with the settings named as options."""

    def __init__(self, names: OptionNames) -> None:
        super().__init__("%(message)s")
        self._names = names

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return self._names(super().format(record))
