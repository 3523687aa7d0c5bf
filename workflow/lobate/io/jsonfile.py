"""JSON files: one layout for results, and one clear error for a file that does not hold the expected content."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lobate.errors import UserError
from lobate.io.filekind import check_kind

T = TypeVar("T")
RERUN = "Delete it and run again."


def json_text(value: Any, *, sort_keys: bool = True, allow_nan: bool = True) -> str:
    """Return JSON with an indent of two, text outside ASCII as it is, and a newline at the end.

    Raises ValueError for NaN and infinity unless ``allow_nan``: they are no part of the standard (RFC 8259).
    """
    return json.dumps(value, indent=2, sort_keys=sort_keys, ensure_ascii=False, allow_nan=allow_nan) + "\n"


def write_json(path: Path, value: Any, *, allow_nan: bool = True) -> None:
    """Write ``value`` as UTF-8 in the layout of ``json_text``, keys sorted: the same value gives the same bytes."""
    path.write_text(json_text(value, allow_nan=allow_nan), encoding="utf-8")


def read_json(path: Path, what: str, advice: str = RERUN, *, allow_nan: bool = True) -> dict[str, Any]:
    """Return the JSON object in the file at ``path``.

    Raises UserError for a missing or unreadable file, text that is not JSON, and a value that is not an object. The
    message names ``what`` the file should be ("a verdict.json written by `train`") and ends with ``advice``, a sentence.
    """
    check_kind(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=None if allow_nan else _refuse_constant)
    except FileNotFoundError:
        raise UserError(
            f"There is no {path} yet. It should be {what}. Run snakemake for this region first, or check the path."
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}). It should be {what}. {advice}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({_json_flaw(error)}). It should be {what}. {advice}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} is not {what} (it holds no object with names and values). {advice}")
    return value


def parse_json(
    path: Path, parse: Callable[[dict[str, Any]], T], what: str, advice: str = RERUN, *, allow_nan: bool = True
) -> T:
    """Return the result of ``parse`` for the JSON object in the file at ``path``; see ``read_json``.

    Raises UserError also where ``parse`` fails because a key is missing or a value has another type.
    """
    content = read_json(path, what, advice, allow_nan=allow_nan)
    try:
        return parse(content)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UserError(f"{path} is not {what} ({_parse_flaw(error)}). {advice}") from error


def _json_flaw(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _parse_flaw(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing" if error.args else "a key is missing"
    return f"{type(error).__name__}: {str(error)[:100]}"


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a number in JSON")
