"""The range of reflectance that the images show: the same for all by setting, or measured once on the whole region."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lobate.errors import Mistake
from lobate.settings.imagery import Stretch


@dataclass(frozen=True)
class Range:
    """Surface reflectance that becomes 1, and the one that becomes 255."""

    lowest: float
    highest: float


def applied(stretch: Stretch) -> Stretch:
    """Return what of the settings an image depends on: which percentiles were measured is in the measured range."""
    if stretch.method == "fixed":
        return Stretch(lowest=stretch.lowest, highest=stretch.highest)
    return Stretch(method=stretch.method)


def ranges_for(stretch: Stretch, measured: Path | None, bands: list[str]) -> tuple[Range, ...]:
    """Return the range of each band; Mistake when it was to be measured and was not."""
    if stretch.method == "fixed":
        return (Range(stretch.lowest, stretch.highest),) * len(bands)
    if measured is None:
        raise Mistake(
            "imagery.stretch.method is percentiles, but no measured range was given. Run lobate measure-stretch and give "
            "what it writes as --measured, or set imagery.stretch.method: fixed."
        )
    found = read_ranges(measured)
    missing = [band for band in bands if band not in found]
    if missing:
        raise Mistake(
            f"{measured} has no range for {', '.join(missing)}; it was measured for other bands. Run measure-stretch again."
        )
    return tuple(found[band] for band in bands)


def read_ranges(measured: Path) -> dict[str, Range]:
    """Return the ranges by band in what measure-stretch wrote."""
    try:
        listed = json.loads(measured.read_text(encoding="utf-8"))["ranges"]
        found = {str(band): Range(float(one["lowest"]), float(one["highest"])) for band, one in listed.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Mistake(f"{measured} is no range that measure-stretch wrote; run lobate measure-stretch again.") from None
    for band, one in found.items():
        if not (math.isfinite(one.lowest) and math.isfinite(one.highest) and one.lowest < one.highest):
            raise Mistake(
                f"{measured}: the range of {band} is none ({one.lowest:g} to {one.highest:g}); measure it again."
            )
    return found


def only_ranges(source: Path, target: Path) -> None:
    """Write the ranges alone: how many pixels they were measured on shapes no image."""
    target.write_text(text_of({"ranges": as_json(read_ranges(source))}), encoding="utf-8")


def as_json(ranges: dict[str, Range]) -> dict[str, dict[str, float]]:
    """Return ranges by band as plain values."""
    return {band: asdict(one) for band, one in ranges.items()}


def text_of(facts: dict[str, Any]) -> str:
    """Return JSON that is the same text for the same facts."""
    return json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
