"""The text of a data set's card in Markdown, and the tables of counts in it.

Every count comes from the rows of the split, of the footprints' layer ``removed`` and of the clean outlines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pandas as pd

from lobate.io.origin import DRAWN, MENDED, UNMENDED, origins_of
from lobate.patches.windows import largest_side
from lobate.patches.without_patches import in_words
from lobate.settings.patches import Crop

SIDES = ("training", "validation", "dropped")
METHOD_NOTES = {
    "random": "patches at random, as in the paper; those of one outline overlap, so it leaks",
    "grouped": "connected groups of overlapping footprints stay on one side",
    "blocks": "squares of ground stay on one side",
    "field": "as a field of the outlines says",
}


@dataclass(frozen=True)
class CardFacts:
    """The content of a card: tables of counts, ``leakage`` as in leakage.json, and for each tile the ``images`` facts."""

    region: str
    landform: str
    licence: str
    crop: Crop
    bands: list[str]
    patches: pd.DataFrame
    tiles: pd.DataFrame
    balance: pd.DataFrame
    left_out: pd.DataFrame
    sources: pd.DataFrame
    images: dict[str, dict[str, Any]]
    leakage: dict[str, Any]


def write_card(facts: CardFacts) -> str:
    """Return the card as Markdown; the same facts give the same text."""
    sections = (_introduction, _counts, _balance, _sources, _licence, _leakage, _test_side, _folds, _files, _loading)
    return "\n\n".join(filter(None, (section(facts) for section in sections))) + "\n"


def _introduction(facts: CardFacts) -> str:
    patches, crop = facts.patches, facts.crop
    sides = patches[["height", "width"]]
    sizes = f"{sides.min().min()} to {sides.max().max()}"
    return (
        f"# Patches of {facts.region}: {facts.landform}\n\n"
        f"{len(patches):,} patches for training a segmentation network, cut from {len(facts.tiles) - 1} tiles round "
        f"{patches['polygon'].nunique():,} outlines{_by_hand(patches)}. Each has the bands {', '.join(facts.bands)} in 8 bit and a label: "
        f"1 {facts.landform}, 0 background, 255 ignored. Sides are {sizes} pixels: the ground within {crop.buffer_m:g} m of an "
        f"outline, in cores of {crop.core} px with {crop.margin} px more on every side. They overlap where they lie side by "
        f"side.\n\nDigest of the content of all patches: `{content_digest(patches)}`"
    )


def _by_hand(patches: pd.DataFrame) -> str:
    return " drawn by hand" if (origins_of(patches) == DRAWN).all() else ""


def _counts(facts: CardFacts) -> str:
    clipped = int(facts.patches["clipped"].sum())
    text = "## Counts\n\n" + _table(["tile", *facts.tiles], [[tile, *row] for tile, row in _rows(facts.tiles)])
    if facts.leakage[facts.leakage["used"]]["dropped"]:
        text += "\n\nDropped patches are on neither side, because they overlap validation ground."
    if clipped:
        text += f"\n\n{clipped:,} patches are clipped by their image's edge."
    if len(facts.left_out):
        lost = in_words(facts.left_out)
        text += f"\n\n{len(facts.left_out):,} outlines gave no patches, each with its reason and setting: {lost}."
    return "\n\n".join(filter(None, [text, count_by_origin(facts.patches)]))


def count_by_origin(patches: pd.DataFrame) -> str:
    """Return how many outlines came from a model, "" for none."""
    positive = patches[patches["class"] == "positive"].drop_duplicates("polygon")
    counts = pd.Series(origins_of(positive)).value_counts()
    if not {UNMENDED, MENDED} & set(counts.index):
        return ""
    return (
        f"Of the positive outlines, {counts.get(DRAWN, 0):,} were drawn by a person, {counts.get(MENDED, 0):,} came from a model and "
        f"were mended by a person, and {counts.get(UNMENDED, 0):,} came from a model and were not mended. The last have the label 2: "
        "training takes it for landform, and every other side ignores it. Their own patches never validate, and the test side "
        "has none of a model."
    )


def _balance(facts: CardFacts) -> str:
    shares = ["landform", "background", "ignored"]
    rows = [[side, *(_percent(value) if name in shares else value for name, value in zip(facts.balance, row, strict=True))]
            for side, row in _rows(facts.balance)]  # fmt: skip
    header = ["side", *(f"pixels: {name}" if name in shares else name for name in facts.balance)]
    return (
        "## Class balance\n\n"
        + _table(header, rows)
        + "\n\nA pixel counts once for each patch that shows it. Round a negative "
        "outline the landform may show too, where one lies near."
    )


def _sources(facts: CardFacts) -> str:
    files = [[f"`{row[0]}`", *row[1:]] for _, row in _rows(facts.sources)]
    scenes = [row for tile, image in facts.images.items() for row in _scenes(tile, image["scenes"])]
    header = ["tile", "scene", "date", "processing baseline", "share of the image"]
    return (
        "## Sources\n\nOutlines, after cleaning:\n\n"
        + _table([*facts.sources], files)
        + "\n\nImages, each composed of these "
        "scenes:\n\n" + _table(header, scenes)
    )


def _scenes(tile: str, scenes: list[dict[str, Any]]) -> list[list[str]]:
    total = max(sum(scene["pixels"] for scene in scenes), 1)
    return [
        [
            tile,
            f"`{scene['name']}`",
            (scene["date"] or "")[:10],
            scene["baseline"] or "",
            _percent(scene["pixels"] / total),
        ]
        for scene in scenes
    ]


def _licence(facts: CardFacts) -> str:
    stated = facts.licence or "Not stated (setting `patches.licence`): ask its makers before you pass it on."
    return f"## Licence\n\n{stated}\n\nThe images' and the outlines' own terms hold beside it."


def _leakage(facts: CardFacts) -> str:
    used = facts.leakage["used"]
    rows = []
    for method in [name for name in METHOD_NOTES if name in facts.leakage]:
        name = f"**{method}** (used)" if method == used else method
        measures = facts.leakage[method]
        rows.append([name, *(["impossible"] + [""] * 6 if "impossible" in measures else _measure_cells(measures))])
    header = ["split", "patches", "training", "validation", "dropped"]
    header += ["validation ground seen in training", "outlines on both sides", "nearest, m"]
    notes = "\n".join(f"- {method}: {METHOD_NOTES[method]}." for method in METHOD_NOTES if method in facts.leakage)
    return (
        f"## Split and leakage\n\n{_table(header, rows)}\n\n{notes}\n\nA score on validation ground that training has seen "
        "flatters. The share is of the ground of all validation patches, each piece counted once."
    )


def _test_side(facts: CardFacts) -> str:
    """Return the section on the test side, which says so plainly where there is none."""
    test = facts.leakage.get("test")
    if test is None:
        return (
            "## Test side\n\nThere is none (`patches.split.test`). The validation patches chose the model, so its IoU on them "
            "flatters, and nothing here says how the model does on new ground."
        )
    shares = [(pair.split("/"), measures) for pair, measures in test["pairs"].items()]
    rows = [
        [*sides, _percent(pair["leaked_share"]), pair["polygons_on_both_sides"], f"{pair['nearest_m']:,.0f}"]
        for sides, pair in shares
    ]
    header = ["side", "other side", "its ground seen in the side", "outlines on both sides", "nearest, m"]
    return (
        f"## Test side\n\n{test['patches']:,} patches of {test['outlines']:,} outlines, in files of their own (`test/`). No training, "
        "threshold, mining or choice of a model depends on their labels: in all other patches and label rasters their ground, "
        f"and the gap of {test['gap_km']:g} km round it, is ignored (255). Left out of the other sides: "
        f"{test['left_out']['on_test_ground']:,} patches on its ground, {test['left_out']['in_the_gap']:,} in the gap. None of its outlines "
        f"came from a model.\n\n{_table(header, rows)}"
    )


def _folds(facts: CardFacts) -> str:
    folds = facts.leakage.get("folds", [])
    rows = [[number, *_measure_cells(measures)[1:]] for number, measures in enumerate(folds)]
    header = ["fold", "training", "validation", "dropped", "validation ground seen in training"]
    header += ["outlines on both sides", "nearest, m"]
    note = "In fold n, patches with `fold` n validate; all others train, but for those that name n in `clash`."
    return f"## Folds for cross-validation\n\n{_table(header, rows)}\n\n{note}" if folds else ""


def _measure_cells(measures: dict[str, Any]) -> list[object]:
    counts = [measures[name] for name in ("patches", "training", "validation", "dropped")]
    shares = [_percent(measures["leaked_share"]), measures["polygons_on_both_sides"], f"{measures['nearest_m']:,.0f}"]
    return [*counts, *shares]


def _files(facts: CardFacts) -> str:
    side = largest_side(facts.crop.core, facts.crop.margin)
    return (
        f"## Files\n\n- `<tile>.npy`: ({side} x {side} x {len(facts.bands) + 1}) uint8 for each patch, the bands and then the "
        "label; a smaller patch lies top left, the rest is image 0 and label 255.\n"
        "- `split.gpkg`, layer `split`: one row for each patch with its footprint, `tile` and `row` (its place in the npy), "
        "`polygon`, `class`, shares of `valid`, `positive` and `ignored` pixels, `entropy` (base 10), `digest` (sha256 of its "
        "bytes), `side`, `group` (what stayed together) and `other_side` (by the other protocol).\n"
        "- `<tile>.gpkg`: the footprints in the tile's own CRS, and in the layer `removed` what was left out and why.\n"
        "- `test/<tile>.npy` and `test/<tile>.gpkg`: the same for the test side, where there is one.\n"
        "- `leakage.json`: the numbers above. `contact_sheet.png`: a sample to look at."
    )


def _loading(facts: CardFacts) -> str:
    folder = f"results/{facts.region}/patches"
    plain = (
        "import geopandas, numpy",
        f'split = geopandas.read_file("{folder}/split.gpkg").query("side == \'training\'")',
        "one = split.iloc[0]",
        f'patch = numpy.load(f"{folder}/{{one.tile}}.npy", mmap_mode="r")[one.row, : one.height, : one.width]',
        "image, label = patch[..., :-1], patch[..., -1]",
    )
    torch = (
        "from torch.utils.data import DataLoader",
        "from lobate.patches.data import Patches",
        f'training = Patches("{folder}", side="training")',
        "for batch in DataLoader(training, batch_size=8, shuffle=True):",
        '    image, mask = batch["image"], batch["mask"]  # float32 (8, bands, P, P), int64 (8, P, P)',
    )
    return (
        "## Load it\n\nFrom the project's folder, with NumPy:\n\n"
        + _code(plain)
        + "\n\nOr as a data set for PyTorch, in "
        "samples as torchgeo has them:\n\n" + _code(torch)
    )


def _code(lines: Iterable[str]) -> str:
    return "\n".join(["```python", *lines, "```"])


def _rows(table: pd.DataFrame) -> Iterable[tuple[Any, tuple[Any, ...]]]:
    """Yield each row's index and values; pandas' own rows would turn integers into floats."""
    return zip(table.index, zip(*(table[name].tolist() for name in table), strict=True), strict=True)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def count_by_tile(patches: pd.DataFrame) -> pd.DataFrame:
    """Count outlines and patches of each tile, by class and side; the last row, ``all``, has the sums."""
    groups = patches.groupby("tile")
    outlines = patches.drop_duplicates("polygon").groupby(["tile", "class"]).size().unstack(fill_value=0)
    table = pd.DataFrame(
        {
            "positive outlines": outlines.get("positive"),
            "negative outlines": outlines.get("negative"),
            "patches": groups.size(),
            **{side: groups["side"].agg(lambda sides, side=side: (sides == side).sum()) for side in SIDES},
        }
    )
    table = table.reindex(sorted(groups.groups)).fillna(0).astype(int)
    return pd.concat([table, table.sum().to_frame("all").T])


def class_balance(patches: pd.DataFrame) -> pd.DataFrame:
    """Count each side's patches by class, and the shares of its pixels; a pixel counts once in each patch that shows it."""
    rows = {side: _class_shares(patches[patches["side"] == side]) for side in SIDES} | {"all": _class_shares(patches)}
    return pd.DataFrame.from_dict(rows, orient="index").query("patches > 0")


def _class_shares(patches: pd.DataFrame) -> dict[str, float]:
    pixels = patches["height"] * patches["width"]
    total = max(int(pixels.sum()), 1)
    landform, ignored = (float((share * pixels).sum()) / total for share in _read_shares(patches))
    return {
        "patches": len(patches),
        "of positive outlines": int((patches["class"] == "positive").sum()),
        "of negative outlines": int((patches["class"] == "negative").sum()),
        "show the landform": int((patches["positive"] > 0).sum()),
        "landform": landform,
        "background": 1 - landform - ignored if len(patches) else 0.0,
        "ignored": ignored,
    }


def _read_shares(patches: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return the shares of landform and of ignored pixels as each patch's side reads them: only training takes unmended ones."""
    unmended, trains = patches.get("unmended", 0.0), patches["side"] == "training"
    return patches["positive"] + unmended * trains, patches["ignored"] + unmended * ~trains


def count_by_source(outlines: pd.DataFrame, patches: pd.DataFrame) -> pd.DataFrame:
    """Count the outlines of each file and class, and those of them with patches."""
    cropped = outlines.assign(cropped=outlines["polygon"].isin(patches["polygon"]))
    table = cropped.groupby(["source", "class"])["cropped"].agg(["size", "sum"]).reset_index()
    return table.rename(columns={"source": "file", "size": "outlines", "sum": "with patches"})


def content_digest(patches: pd.DataFrame) -> str:
    """Return a digest of all patches' contents; their order and names do not change it."""
    return sha256("\n".join(sorted(patches["digest"])).encode()).hexdigest()
