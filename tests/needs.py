"""What a test needs and this machine may lack."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """Skip the test with the reason; in CI, where all is installed, fail it."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
