"""What a request asks for in its address, and answers that may be large."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lobate.errors import UserError
from lobate.review.desk import NotThere
from lobate.review.items import Wanted
from lobate.review.memory import give_back

LARGE = 1 << 20
"""Bytes of an answer from which on its memory is given back at once."""


def wanted(request: Request) -> Wanted:
    """Return the filters and the order of a list that a request names. Raises UserError for values that are none."""
    query = request.query_params
    limits = {name: number(request, name) for name in ("min_confidence", "max_confidence", "min_area", "max_area")}
    return Wanted(
        status=tuple(word for word in query.get("status", "").split(",") if word),
        tile=query.get("tile", ""),
        search=query.get("search", ""),
        sort=query.get("sort", ""),
        descending=query.get("descending", "") in ("1", "true"),
        **limits,
    )


def whole(text: str) -> int:
    """Return a whole number of a picture's address. Raises NotThere."""
    if not re.fullmatch(r"-?[0-9]{1,7}", text):
        raise NotThere(f"Pictures are numbered by whole numbers, not {text[:80]!r}.")
    return int(text)


def number(request: Request, name: str, default: float | None = None) -> float | None:
    """Return a finite number of the query, ``default`` where it is missing. Raises UserError."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise UserError(f"{name} must be a number, not {text[:80]!r}.")
    return value


def large(content: dict[str, Any]) -> Response:
    """Return an answer that may be large; what making it took is given back."""
    response = JSONResponse(content)
    content.clear()
    if len(response.body) > LARGE:
        give_back()
    return response
