"""Where the workflow's own files lie: in the clone, or as the wheel carries them."""

from __future__ import annotations

from pathlib import Path

import lobate

PACKAGE = Path(lobate.__file__).parent
CARRIED = PACKAGE / "project"
"""What the wheel carries of the clone: `workflow`, `profiles` and `envs` (see setup.py)."""


def project_root() -> Path:
    """Return the folder that holds `workflow/Snakefile`, `profiles` and `envs`: the clone, else the copy in the wheel."""
    return CARRIED if (CARRIED / "workflow/Snakefile").exists() else PACKAGE.parents[1]
