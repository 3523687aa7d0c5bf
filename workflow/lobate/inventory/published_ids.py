"""Identifiers and markers of a published inventory, kept in the next one.

A landform is matched by place with a published one, by the rule that compiles inventories (``conflation.match_records``).
It then keeps the published identifier and marker, however its outline has changed. Each identifier is kept by one landform:
first the one round the published marker, then the one of the largest IoU. All others get new identifiers, which no
published landform has. Splits, merges, and landforms that appeared or vanished are listed, as are published landforms on
ground that was not mapped this time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.inventory.attributes import Attribute, to_schema
from lobate.inventory.conflation import match_records
from lobate.inventory.identify import disambiguate_ids, identifier
from lobate.inventory.mapped_ground import lies_on
from lobate.inventory.overlap import linked_groups, one_to_one
from lobate.inventory.sources import repair_outlines
from lobate.io.antimeridian import to_lonlat
from lobate.io.features import NAME_ENCODING_BESIDE, read_drawn
from lobate.io.values import as_text
from lobate.io.vector import LONLAT

log = logging.getLogger(__name__)

LAYER = "inventory"
MARKER = ["longitude", "latitude"]
CARRIED = ["polygon_id", "country"]
"""Fields of a published landform that fill empty ones of the landform with its identifier."""

CHANGES = (
    Attribute(
        "kind",
        str,
        "split, merged, rearranged, appeared, vanished; unmapped where it lies on ground that was not mapped now; kept where "
        "only the marker calls for a look",
    ),
    Attribute("before", str, "published identifiers, separated by semicolons"),
    Attribute("after", str, "identifiers now, separated by semicolons"),
    Attribute("reason", str, "why"),
)
"""Columns of the layer ``id_changes``."""
KINDS = ("split", "merged", "rearranged", "appeared", "vanished", "unmapped", "kept")


@dataclass(frozen=True)
class Succession:
    """Records with identifiers; ``changes`` since the published inventory (``CHANGES``), or None without one."""

    records: gpd.GeoDataFrame
    changes: gpd.GeoDataFrame | None = None
    kept: int = 0

    def account(self) -> dict[str, int] | None:
        """Return the number of identifiers kept, and of changes of each kind."""
        if self.changes is None:
            return None
        counts = self.changes["kind"].value_counts()
        return {**{kind: int(counts.get(kind, 0)) for kind in KINDS}, "kept": self.kept}


def read_published(path: Path) -> gpd.GeoDataFrame:
    """Return a published inventory in EPSG:4326: ``id``, marker, ``polygon_id`` and ``country``, in order of ``id``.

    Raises UserError for a file without ``id`` and marker, and for empty or repeated ones.
    """
    frame = to_lonlat(read_drawn(path, LAYER if path.suffix.lower() == ".gpkg" else None, remedy=NAME_ENCODING_BESIDE))
    missing = [name for name in ("id", *MARKER) if name not in frame]
    if missing:
        raise UserError(
            f"{path} has no field {', '.join(missing)}, so it gives no identifiers and markers to keep. Name an "
            "inventory.gpkg that lobate wrote in inventory.previous, or leave that setting out."
        )
    marker = frame[MARKER].apply(pd.to_numeric, errors="coerce")
    wrong = frame["id"].isna() | frame["id"].duplicated(keep=False) | ~np.isfinite(marker).all(axis=1)
    if wrong.any():
        raise UserError(
            f"{path}: {wrong.sum()} landforms have no identifier, share it with another, or have no marker (feature "
            f"{wrong.idxmax()} is the first). Mend the fields id, longitude and latitude there; inventory.previous needs them."
        )
    named = frame.assign(id=frame["id"].map(as_text), source_id=frame["id"].map(as_text), **marker)
    columns = [name for name in ("id", *MARKER, *CARRIED) if name in named]
    return repair_outlines(named)[0][[*columns, "geometry"]].sort_values("id").reset_index(drop=True)


def with_new_ids(records: gpd.GeoDataFrame, prefix: str) -> Succession:
    """Give all records new identifiers; of several at one place the first compiled has the plain one."""
    return Succession(records.assign(id=disambiguate_ids(_by_marker(records, prefix))))


def with_published_ids(
    records: gpd.GeoDataFrame,
    published: gpd.GeoDataFrame,
    match_iou: float,
    prefix: str,
    ground: gpd.GeoSeries | None = None,
) -> Succession:
    """Give matched records the identifier and marker of ``published`` (see ``read_published``), others new ones.

    A published landform outside the mapped ``ground`` (EPSG:4326; None: all is mapped) has not vanished: nobody looked there.
    """
    pairs = match_records(published, records, match_iou)
    markers = shapely.points(published[MARKER].to_numpy())
    inside = shapely.intersects(markers[pairs["left"]], records.geometry.values[pairs["right"]])
    pairs["inside"] = np.asarray(inside, dtype=bool)
    kept = one_to_one(pairs, by=("inside", "iou"))
    result = _carry_over(records.reset_index(drop=True), published, kept)
    new = result.index.difference(kept["right"])
    result.loc[new, "id"] = disambiguate_ids(_by_marker(result.loc[new], prefix), published["id"])
    on_ground = np.full(len(published), True) if ground is None else lies_on(published.geometry, ground)
    changes = _list_changes(published, result, pairs, kept, on_ground)
    log.info("%d of %d published identifiers are kept, %d are new", len(kept), len(published), len(new))
    return Succession(result, changes, len(kept))


def _by_marker(records: gpd.GeoDataFrame, prefix: str) -> list[str]:
    markers = zip(records["longitude"], records["latitude"], strict=True)
    return [identifier(longitude, latitude, prefix) for longitude, latitude in markers]


def _carry_over(records: gpd.GeoDataFrame, published: gpd.GeoDataFrame, kept: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the records with identifier and marker of the published landform, and its ``CARRIED`` where they have none."""
    result = records.assign(id=pd.Series(None, index=records.index, dtype=object))
    source = published.iloc[kept["left"]]
    for column in ("id", *MARKER):
        result.loc[kept["right"], column] = source[column].to_numpy()
    for column in CARRIED:
        if column in published:
            own = result[column].astype(object) if column in result else pd.Series(None, result.index, dtype=object)
            theirs = pd.Series(source[column].to_numpy(), index=kept["right"], dtype=object).reindex(result.index)
            result[column] = own.where(own.notna(), theirs)
    return result


def _list_changes(
    published: gpd.GeoDataFrame,
    records: gpd.GeoDataFrame,
    pairs: pd.DataFrame,
    kept: pd.DataFrame,
    on_ground: np.ndarray,
) -> gpd.GeoDataFrame:
    """Return one row for each group of landforms in which an identifier came, went, or lost its marker's ground.

    ``on_ground``: whether each published landform lies on mapped ground, bool (n,).
    """
    steady = {(row.left, row.right): row.inside for row in kept.itertuples()}
    rows = []
    for before, after in linked_groups(pairs, len(published), len(records)):
        links = [(left, right) for left in before for right in after if (left, right) in steady]
        if len(links) == len(before) == len(after) and all(steady[link] for link in links):
            continue
        kind = _kind(len(before), len(after), len(links), bool(on_ground[before].all()))
        outlines = records.geometry.values[after] if after else published.geometry.values[before]
        rows.append(
            {
                "kind": kind,
                "before": ";".join(published["id"].iloc[before]) or None,
                "after": ";".join(records["id"].iloc[after]) or None,
                "reason": _reason(kind, published["id"].iloc[[left for left, _ in links]]),
                "geometry": shapely.union_all(outlines),
            }
        )
    order = pd.DataFrame(rows, columns=[*(column.name for column in CHANGES), "geometry"])
    order = order.sort_values(["kind", "before", "after"], na_position="last")
    return to_schema(order, CHANGES, LONLAT)


def _kind(before: int, after: int, links: int, mapped: bool) -> str:
    if links == before == after:
        return "kept"
    if not before:
        return "appeared"
    if not after:
        return "vanished" if mapped else "unmapped"
    return "split" if before == 1 else "merged" if after == 1 else "rearranged"


def _reason(kind: str, kept: pd.Series) -> str:
    keep = f"{', '.join(kept)} {'is' if len(kept) == 1 else 'are'} kept by the landform round the marker, or most alike"
    return {
        "split": f"one published landform is several now; {keep}",
        "merged": f"several published landforms are one now; {keep}",
        "rearranged": f"several published landforms are several others now; {keep}",
        "appeared": "no published landform matches it by place",
        "vanished": "no landform of this inventory matches it by place",
        "unmapped": "it lies on ground that was not mapped for this inventory, so nobody can say whether it is there",
        "kept": "the published marker lies outside the outline of now",
    }[kind]
