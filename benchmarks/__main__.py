"""Run the measures named on the command line, or all: `python -m benchmarks [NAME...]`, into benchmarks/latest.json.

A figure that was not measured this time keeps its last value only when it was not asked for; one whose measure fails
is taken out, and said.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import traceback
from dataclasses import asdict
from pathlib import Path

from benchmarks.figures import MEASURES, Figure

HERE = Path(__file__).parent
LATEST = HERE / "latest.json"


def main(names: list[str]) -> int:
    """Measure; return 1 if a measure failed, 2 for an unknown name."""
    for file in sorted(HERE.glob("bench_*.py")):
        importlib.import_module(f"benchmarks.{file.stem}")
    unknown = sorted(set(names) - set(MEASURES))
    if unknown:
        sys.stderr.write(f"There is no measure {', '.join(unknown)}; there are {', '.join(sorted(MEASURES))}.\n")
        return 2
    found = json.loads(LATEST.read_text()) if names and LATEST.exists() else {}
    failed = [name for name in names or sorted(MEASURES) if not measured(name, found)]
    LATEST.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    return 1 if failed else 0


def measured(name: str, found: dict[str, dict[str, object]]) -> bool:
    """Run one measure and add its figures to ``found``; return whether it could be taken."""
    try:
        with tempfile.TemporaryDirectory(prefix="lobate-bench-") as folder:
            figures = MEASURES[name](Path(folder))
    except Exception:
        traceback.print_exc()
        sys.stderr.write(f"{name} could not be measured\n")
        return False
    for key, figure in figures.items():
        found[key] = asdict(Figure(round(figure.value, 4), figure.unit, figure.what, figure.against))
        print(f"{key:32} {figure.value:10.3f} {figure.unit:6} {figure.what} (against: {figure.against})", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
