"""A verb's command-line options, read from its module's text.

The rules' commands are made of them while Snakemake parses, in every job on a cluster too: importing all verbs would take
longer than many jobs.
"""

from __future__ import annotations

from typing import NamedTuple

from lobate.engine.ast_cache import ParsedFunction, parsed_module, save_cache, source_file
from lobate.engine.registry import ROOM_OF, module_of


class Option(NamedTuple):
    """One parameter of a verb; ``marker`` is "Input", "Output", "Setting" or "" for a plain scalar."""

    name: str
    marker: str
    is_list: bool


def options_of(verb: str) -> list[Option]:
    """Return the parameters of a verb, then those of its stand-in and its condition, in the order of the signatures.

    Raises KeyError for what is no verb.
    """
    function = _parsed_function(module_of(verb), verb)
    when_and_instead = [_parsed_function(*_defining_module(module_of(verb), name)) for name in function.substitutes]
    options: dict[str, Option] = {}
    for text in [function, *reversed(when_and_instead)]:
        for row in text.parameters:
            options.setdefault(row[0], Option(*row))
    return list(options.values())


def all_options() -> dict[str, list[Option]]:
    """Return the options of every verb, and keep what was read of the modules for later processes."""
    options = {verb: options_of(verb) for verb in ROOM_OF}
    save_cache()
    return options


def _parsed_function(module: str, name: str) -> ParsedFunction:
    return parsed_module(module).functions[name]


def _defining_module(module: str, name: str) -> tuple[str, str]:
    """Return the module in which a name that ``module`` uses is defined, and the name."""
    for written in parsed_module(module).imports:
        if name in written.parts and not written.level and source_file(written.name):
            return written.name, name
    return module, name
