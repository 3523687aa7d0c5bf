"""The header of a model file as text; needs neither torch nor the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lobate.cli.alarm import nothing_lines
from lobate.io.intervals import rounded, with_interval
from lobate.network.header import count_parameters, read_header

BAR = 40


def describe_model(path: Path) -> str:
    """Return the header of a model file as text. Raises UserError if the file is not a model."""
    header = read_header(path)
    lines = [f"{path.name}: {_network(header)}", *nothing_lines([header.get("learnt_nothing")])]
    lines += [f"  {name:20} {value}" for name, value in _facts(header, count_parameters(path)) if value is not None]
    return "\n".join([*lines, *_curve(header.get("calibration") or [])]) + "\n"


def _network(header: dict[str, Any]) -> str:
    architecture = header["architecture"]
    return "DeepLabv3+ on {backbone}, output stride {output_stride}, initial weights: {weights}".format(**architecture)


def _facts(header: dict[str, Any], parameters: int) -> list[tuple[str, Any]]:
    libraries = ", ".join(f"{name} {version}" for name, version in header.get("libraries", {}).items())
    return [
        ("landform", header.get("landform")),
        ("parameters", f"{parameters:,}"),
        ("input", _input(header)),
        ("reflectance range", _stretch(header.get("stretch"))),
        ("round", header.get("round")),
        ("validation IoU", _ious(header.get("validation_iou"), header.get("validation_intervals"))),
        ("of the landform", _landform(header)),
        ("by other protocol", _ious(header.get("validation_iou_other"))),
        ("threshold", header.get("threshold")),
        ("calibration error", rounded(header.get("calibration_error"))),
        ("data set", header.get("dataset")),
        ("weights digest", header.get("digest")),
        ("licence", header.get("licence")),
        ("made by", f"lobate {header.get('lobate')}; {libraries}"),
    ]


def _input(header: dict[str, Any]) -> str:
    scaling, bands = header["preprocessing"], ", ".join(header.get("bands") or ["unnamed"])
    return f"{header['channels']} channels ({bands}) of 8 bits; mean {scaling['mean']}, standard deviation {scaling['std']} of 255"


def _stretch(ranges: dict[str, dict[str, float]] | None) -> str | None:
    """Return the reflectances that became 1 and 255, once if all bands have the same."""
    if not ranges:
        return None
    texts = {band: f"{ends['lowest']:g} to {ends['highest']:g}" for band, ends in ranges.items()}
    alike = len(set(texts.values())) == 1
    text = next(iter(texts.values())) if alike else ", ".join(f"{band} {ends}" for band, ends in texts.items())
    return f"{text}, as 1 to 255"


def _landform(header: dict[str, Any]) -> str | None:
    """Return the landform's validation IoU with its interval; None for a model of an earlier version, which has none."""
    intervals = header.get("validation_intervals")
    iou = (header.get("validation_iou") or {}).get("landform")
    return with_interval(iou, intervals["iou"]) if intervals else None


def _ious(ious: dict[str, float | None] | None, intervals: dict[str, Any] | None = None) -> str | None:
    """Return the IoUs by class; the landform's, and the mean of both, with the digits that the landform's interval allows."""
    if not isinstance(ious, dict):
        return None if ious is None else str(ious)
    interval = (intervals or {}).get("iou")
    of_class = {"background": None}
    texts = {name: rounded(value, of_class.get(name, interval)) for name, value in ious.items()}
    return ", ".join(f"{name} {'unknown' if value is None else value}" for name, value in sorted(texts.items()))


def _curve(bins: list[list[float]]) -> list[str]:
    """Draw the reliability curve: a bar of the observed share, and a mark at the predicted probability."""
    if not bins:
        return []
    pixels = sum(count for *_, count in bins) or 1
    share = sum(observed * count for _, observed, count in bins) / pixels
    lines = [
        f"  calibration on the validation patches, {100 * share:.3g} % of which are landform:",
        "  predicted  observed  pixels",
    ]
    for predicted, observed, count in bins:
        bar = "#" * round(BAR * observed)
        mark = round(BAR * predicted)
        drawn = f"{bar:{BAR + 1}}"
        lines.append(f"  {predicted:9.3f}  {observed:8.3f}  {count:9,}  {drawn[:mark]}|{drawn[mark + 1 :]}".rstrip())
    return lines
