"""The command line, made from the verbs' signatures: a verb's function is its command.

Inputs and outputs are options with one path or several, settings come together from ``--settings FILE`` (a region's
configuration), and each scalar is an option of its own. A user error ends in one paragraph and exit status 2.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

import lobate
from lobate.cli.commands import COMMANDS, GROUPS
from lobate.engine import stage  # before any verb: from here on it watches the code for changes
from lobate.engine.registry import ROOM_OF, ROOMS, load
from lobate.engine.signature import Input, Output, Setting, all_parameters
from lobate.engine.signature import Parameter as VerbParameter
from lobate.errors import UserError
from lobate.store.store import Store

log = logging.getLogger(__name__)


def main(tokens: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    tokens = sys.argv[1:] if tokens is None else tokens
    signal.signal(signal.SIGTERM, _exit_on_signal)
    # waiting threads that spin slow all jobs on shared cores down several times
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _configure_log(None)
    try:
        status = _app(tokens)(tokens, exit_on_error=False, print_error=True, result_action="return_value") or 0
        sys.stdout.flush()
        return status
    except CycloptsError:
        return 2
    except BrokenPipeError:  # the reader has closed the pipe, as in `lobate explain FILE | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except UserError as mistake:
        log.error("Error: %s" if "\n" not in str(mistake) else "Errors:\n%s", mistake)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:
        log.critical(
            "This is a fault in lobate, not in your data. Please report it with the lines below.", exc_info=True
        )
        return 1


def _exit_on_signal(number: int, frame: object) -> None:
    sys.exit(128 + number)  # unwinds, so that the job's folder in the store is removed


def _app(tokens: list[str]) -> App:
    app = App(name="lobate", help=lobate.__doc__, version=lobate.__version__, default_parameter=Parameter(negative=()))
    asked = next((token.replace("-", "_") for token in tokens if not token.startswith("-")), None)
    if asked not in ROOM_OF:
        _add_commands(app)
    # a verb's module is imported only for the verb itself and for the list of all verbs
    verbs = [asked] if asked in ROOM_OF else [] if asked in COMMANDS else list(ROOM_OF)
    panels = {room: Group(f"Verbs of {room}", sort_key=number) for number, room in enumerate(ROOMS, start=1)}
    for number, verb in enumerate(verbs):
        app.command(_command(verb), name=verb.replace("_", "-"), group=panels[ROOM_OF[verb]], sort_key=number)
    return app


def _command(verb: str) -> Any:
    function = load(verb)
    parameters = all_parameters(function).values()

    def run_stage(**options: Any) -> int:
        from lobate.settings.load import load as load_region

        _configure_log(options.pop("log", None))
        settings = options.pop("settings", None)
        region = load_region(settings) if settings else None
        arguments = {name: value for name, value in options.items() if value is not None}
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


def _configure_log(file: Path | None) -> None:
    """Send the log to a file, and warnings and stages to standard error; without a file, everything to standard error."""
    logger = logging.getLogger("lobate")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(console)
    if file is not None:
        console.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == "lobate.engine.stage")
        file.parent.mkdir(parents=True, exist_ok=True)
        log_file = logging.FileHandler(file, mode="w", encoding="utf-8")
        log_file.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(log_file)


if __name__ == "__main__":
    sys.exit(main())
