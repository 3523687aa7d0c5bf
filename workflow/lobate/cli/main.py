"""The command line, made from the verbs' signatures: a verb's function is its command.

Inputs and outputs are options with one path or several, settings come together from ``--settings FILE`` (a region's
configuration), anything else is an option of its own. A user's mistake ends in one paragraph and exit status 2.
"""

from __future__ import annotations

import inspect
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

import lobate
from lobate.cli.commands import COMMANDS, GROUPS
from lobate.engine.registry import ROOM_OF, ROOMS, load
from lobate.engine.signature import Input, Output, Setting, all_parameters
from lobate.engine.signature import Parameter as VerbParameter
from lobate.errors import UserError
from lobate.store.store import Store

log = logging.getLogger(__name__)


def main(tokens: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    tokens = sys.argv[1:] if tokens is None else tokens
    signal.signal(signal.SIGTERM, _leave)
    # threads that spin while they wait make a machine several times slower for all when jobs share its cores
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _listen(None)
    try:
        status = _app(tokens)(tokens, exit_on_error=False, print_error=True, result_action="return_value") or 0
        sys.stdout.flush()
        return status
    except CycloptsError:
        return 2
    except BrokenPipeError:  # who reads has enough, as in `lobate explain FILE | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except UserError as mistake:
        log.error("Error: %s" if "\n" not in str(mistake) else "Errors:\n%s", mistake)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:
        log.critical(
            "This is a fault in lobate, not in your data; please report it with the lines below.", exc_info=True
        )
        return 1


def _leave(number: int, frame: object) -> None:
    sys.exit(128 + number)  # unwinds, so that the job's folder in the store is removed


def _app(tokens: list[str]) -> App:
    app = App(name="lobate", help=lobate.__doc__, version=lobate.__version__, default_parameter=Parameter(negative=()))
    asked = next((token.replace("-", "_") for token in tokens if not token.startswith("-")), None)
    if asked not in ROOM_OF:
        _add_commands(app)
    # a verb's module is imported only for its own sake, or for the list of all verbs
    listed = [asked] if asked in ROOM_OF else [] if asked in COMMANDS else list(ROOM_OF)
    panels = {room: Group(f"Verbs of {room}", sort_key=number) for number, room in enumerate(ROOMS, start=1)}
    for number, verb in enumerate(listed):
        app.command(_command(verb), name=verb.replace("_", "-"), group=panels[ROOM_OF[verb]], sort_key=number)
    return app


def _command(verb: str) -> Any:
    function = load(verb)
    listed = all_parameters(function)

    def run_stage(**options: Any) -> int:
        from lobate.engine import stage
        from lobate.settings.load import load as load_region

        _listen(options.pop("log", None))
        settings = options.pop("settings", None)
        region = load_region(settings) if settings else None
        given = {name: one for name, one in options.items() if one is not None}
        stage.run(verb, given, region, Store.here())
        return 0

    run_stage.__doc__ = inspect.getdoc(function)
    options = [_option(one) for one in listed.values() if not isinstance(one.marker, Setting)]
    if any(isinstance(one.marker, Setting) for one in listed.values()):
        options.append(
            _keyword("settings", list[Path], "Configuration of the region; later files overrule earlier ones.", ())
        )
    options.append(_keyword("log", Path, "File for the log; without it everything goes to standard error.", None))
    run_stage.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run_stage.__annotations__ = {}
    return run_stage


def _option(one: VerbParameter) -> inspect.Parameter:
    if not isinstance(one.marker, Input | Output):
        several = Parameter(consume_multiple=(0, None)) if one.many else Parameter()
        default = inspect.Parameter.empty if one.required else one.default
        return inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[one.type, several], default=default
        )
    lone = not one.many and one.required
    counts = Parameter(consume_multiple=(0, None if one.many else 1), required=one.required and not one.many)
    hint = Annotated[Path, Parameter()] if lone else Annotated[list[Path] | None, counts]
    default = inspect.Parameter.empty if lone else None
    return inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=default)


def _keyword(name: str, kind: Any, text: str, default: Any) -> inspect.Parameter:
    hint: Any = Annotated[kind | None if default is None else kind, Parameter(help=text, consume_multiple=True)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=default)


def _add_commands(app: App) -> None:
    for name, command in COMMANDS.items():
        if isinstance(command, dict):
            group = App(name=name, help=GROUPS[name])
            for inner, one in command.items():
                group.command(one, name=inner)
            app.command(group)
        else:
            app.command(command, name=name)


def _listen(file: Path | None) -> None:
    """Send the log to a file, and to standard error what a person must see; without a file, all of it there."""
    logger = logging.getLogger("lobate")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    seen = logging.StreamHandler()
    seen.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(seen)
    if file is not None:
        seen.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == "lobate.engine.stage")
        file.parent.mkdir(parents=True, exist_ok=True)
        written = logging.FileHandler(file, mode="w", encoding="utf-8")
        written.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(written)


if __name__ == "__main__":
    sys.exit(main())
