"""Run the RO-Crate validator without network: python validate.py CONTEXT ARGUMENTS...

CONTEXT is the RO-Crate context of the rocrate wheel, of RO-Crate 1.3. The crate names that of 1.1, which the validator would
fetch; the terms that this project uses mean the same in both, but for Bioschemas' ones, which stood one level higher.
"""

from __future__ import annotations

import sys
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from rocrate_validator.cli import cli

WANTED = "https://w3id.org/ro/crate/1.1/context"


def answer(self: HTTPAdapter, request: requests.PreparedRequest, **_: object) -> requests.Response:
    if request.url != WANTED:
        raise requests.ConnectionError(f"this test has no network: {request.url}")
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    response = requests.Response()
    response.status_code, response.url, response.request = 200, WANTED, request
    response.headers["Content-Type"] = "application/ld+json"
    response._content = text.replace("https://bioschemas.org/terms/", "https://bioschemas.org/").encode()
    return response


HTTPAdapter.send = answer
cli(sys.argv[2:])
