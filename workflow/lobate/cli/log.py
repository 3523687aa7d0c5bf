"""Where the command line's messages go: to standard error, or to a file."""

from __future__ import annotations

import logging
from pathlib import Path

from lobate.cli.wording import Formatter, OptionNames

STAGE_LOGGER = "lobate.engine.stage"
"""Logger of the line that says which result was computed or restored; Snakemake's output shows it."""


def configure_log(file: Path | None, names: OptionNames) -> None:
    """Send the log to a file, and warnings and stages to standard error; without a file, everything to standard error.

    ``names``: what the messages call the settings.
    """
    logger = logging.getLogger("lobate")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    console = logging.StreamHandler()
    console.setFormatter(Formatter(names))
    logger.addHandler(console)
    if file is not None:
        console.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == STAGE_LOGGER)
        file.parent.mkdir(parents=True, exist_ok=True)
        log_file = logging.FileHandler(file, mode="w", encoding="utf-8")
        log_file.setFormatter(Formatter(names))
        logger.addHandler(log_file)
