"""The commands, made from the verbs' signatures: a verb's function is its command.

Inputs and outputs are options with one path or several, settings come together from ``--settings FILE`` (a region's
configuration) or one by one as options, and each scalar is an option of its own.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

import lobate
from lobate.cli.commands import COMMANDS, GROUPS
from lobate.cli.log import configure_log
from lobate.cli.map import MAP_OPTIONS
from lobate.cli.wording import OptionNames
from lobate.engine import stage  # before any verb: from here on it watches the code for changes
from lobate.engine.registry import ROOM_OF, ROOMS, load
from lobate.engine.signature import Input, Output, Setting, all_parameters
from lobate.engine.signature import Parameter as VerbParameter
from lobate.io.network_environment import prepare_network
from lobate.store.store import Store

if TYPE_CHECKING:
    from lobate.cli.setting_options import SettingOption


def run(tokens: list[str]) -> int:
    """Run one command; return its exit status, which is 2 where the command line itself is wrong."""
    prepare_network()
    configure_log(None, names := _option_names(tokens))
    try:
        return _app(tokens, names)(tokens, exit_on_error=False, print_error=True, result_action="return_value") or 0
    except CycloptsError:
        return 2


def _asked(tokens: list[str]) -> str | None:
    """Return the command that the words ask for."""
    return next((token.replace("-", "_") for token in tokens if not token.startswith("-")), None)


def _option_names(tokens: list[str]) -> OptionNames:
    """Return the names of settings in this command's messages: its options, where no configuration names the settings."""
    asked = _asked(tokens)
    if asked == "map":
        return OptionNames(MAP_OPTIONS)
    if asked not in ROOM_OF:
        return OptionNames({})
    parameters = all_parameters(load(asked))
    given = {token.partition("=")[0] for token in tokens}
    has_settings = any(isinstance(parameter.marker, Setting) for parameter in parameters.values())
    if "--settings" in given or (
        "--log" in given and not has_settings
    ):  # a job of a run, which a configuration describes
        return OptionNames({})
    from lobate.cli.setting_options import input_options, setting_options

    return OptionNames(
        {option.setting: option.name for option in setting_options(parameters)} | input_options(parameters)
    )


def _app(tokens: list[str], names: OptionNames) -> App:
    app = App(name="lobate", help=lobate.__doc__, version=lobate.__version__, default_parameter=Parameter(negative=()))
    asked = _asked(tokens)
    if asked not in ROOM_OF:
        _add_commands(app)
    # a verb's module is imported only for the verb itself and for the list of all verbs
    listed = asked not in COMMANDS and "--version" not in tokens
    verbs = [asked] if asked in ROOM_OF else list(ROOM_OF) if listed else []
    panels = {room: Group(f"Verbs of {room}", sort_key=number) for number, room in enumerate(ROOMS, start=1)}
    for number, verb in enumerate(verbs):
        app.command(
            _command(verb, tokens, names), name=verb.replace("_", "-"), group=panels[ROOM_OF[verb]], sort_key=number
        )
    return app


def _command(verb: str, tokens: list[str], names: OptionNames) -> Any:
    function = load(verb)
    parameters = all_parameters(function).values()
    known = {*all_parameters(function), "settings", "log"}
    words = {token.removeprefix("--").split("=")[0].replace("-", "_") for token in tokens if token.startswith("--")}
    # the options of a rule's command are known, so its jobs do without those of the settings
    of_settings: list[SettingOption] = []
    if words - known:
        from lobate.cli.setting_options import description, setting_options

        of_settings = setting_options(all_parameters(function))

    def run_stage(**options: Any) -> int:
        from lobate.cli.setting_options import region_of

        configure_log(options.pop("log", None), names)
        settings = options.pop("settings", None)
        given = {
            option.setting: option.value(options.pop(option.key)) for option in of_settings if options.get(option.key)
        }
        arguments = {name: value for name, value in options.items() if value is not None and name in known}
        region = region_of(settings, given, all_parameters(function), arguments)
        stage.run(verb, arguments, region, Store.from_environment())
        return 0

    run_stage.__doc__ = _help(inspect.getdoc(function) or "", all_parameters(function))
    options = [_option(parameter) for parameter in parameters if not isinstance(parameter.marker, Setting)]
    if any(isinstance(parameter.marker, Setting) for parameter in parameters):
        options.append(
            _keyword(
                "settings",
                list[Path],
                "Configuration of the region; of several files, later ones override earlier ones.",
                (),
            )
        )
    options.append(_keyword("log", Path, "File for the log; standard error when not given.", None))
    options += [option.parameter(description(option)) for option in of_settings]
    run_stage.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run_stage.__annotations__ = {}
    return run_stage


def _help(docstring: str, parameters: dict[str, VerbParameter]) -> str:
    """Return a verb's docstring for the command line: its parameters are options there, or settings."""

    def spell(match: re.Match[str]) -> str:
        parameter = parameters.get(match[1])
        if parameter is None:
            return match[1]
        setting = isinstance(parameter.marker, Setting) and parameter.marker.name
        return setting or f"--{match[1].replace('_', '-')}"

    placeholders = re.sub(r"<(\w+)>", lambda match: match[1].upper(), docstring)  # rich takes <scene> for markup
    return re.sub(r"``?([^`]+)``?", spell, placeholders)


def _option(parameter: VerbParameter) -> inspect.Parameter:
    if not isinstance(parameter.marker, Input | Output):
        values = Parameter(consume_multiple=(0, None)) if parameter.is_list else Parameter()
        default = inspect.Parameter.empty if parameter.required else parameter.default
        return inspect.Parameter(
            parameter.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=Annotated[parameter.type, values],
            default=default,
        )
    is_single_path = not parameter.is_list and parameter.required
    number_of_paths = Parameter(
        consume_multiple=(0, None if parameter.is_list else 1), required=parameter.required and not parameter.is_list
    )
    hint = Annotated[Path, Parameter()] if is_single_path else Annotated[list[Path] | None, number_of_paths]
    default = inspect.Parameter.empty if is_single_path else None
    return inspect.Parameter(parameter.name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=default)


def _keyword(name: str, kind: Any, text: str, default: Any) -> inspect.Parameter:
    hint: Any = Annotated[kind | None if default is None else kind, Parameter(help=text, consume_multiple=True)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=default)


def _add_commands(app: App) -> None:
    for name, command in COMMANDS.items():
        if isinstance(command, dict):
            group = App(name=name, help=GROUPS[name])
            for subname, subcommand in command.items():
                group.command(subcommand, name=subname)
            app.command(group)
        else:
            app.command(command, name=name)
