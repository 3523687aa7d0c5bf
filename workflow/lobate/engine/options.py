"""A verb's command-line options, parsed from the source of its module.

Snakemake derives each rule's command from them, also in every job on a cluster. Importing all verbs instead would take
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

    Raises KeyError for an unknown verb.
    """
    function = _parsed_function(*_defining_module(module_of(verb), verb))
    when_and_instead = [_parsed_function(*_defining_module(module_of(verb), name)) for name in function.substitutes]
    options: dict[str, Option] = {}
    for parsed in [function, *reversed(when_and_instead)]:
        for parameter in parsed.parameters:
            option = Option(*parameter)
            options.setdefault(option.name, option)
    return list(options.values())


def has_stand_in(verb: str) -> bool:
    """Whether another function may run in the verb's place. Raises KeyError for an unknown verb."""
    return bool(_parsed_function(*_defining_module(module_of(verb), verb)).substitutes)


def all_options() -> dict[str, list[Option]]:
    """Return the options of every verb, and save the parsed modules for later processes."""
    options = {verb: options_of(verb) for verb in ROOM_OF}
    save_cache()
    return options


def _parsed_function(module: str, name: str) -> ParsedFunction:
    return parsed_module(module).functions[name]


def _defining_module(module: str, name: str) -> tuple[str, str]:
    """Return the module that defines a name which ``module`` uses, and the name."""
    for imported in parsed_module(module).imports:
        if name in imported.parts and not imported.level and source_file(imported.name):
            return imported.name, name
    return module, name
