import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from lobate.errors import Mistake
from lobate.mapping.filter import filter_detections
from lobate.mapping.merge import merge_detections
from lobate.settings.base import PolygonFile
from lobate.settings.mapping import Filter, Merge
from lobate.vectors import geodesic_area_m2, read_layer

X, Y = 500_000.0, 4_000_000.0


def merged(workshop, *sides, mean=0.8):
    """Squares with these sides in metres, a row of them."""
    boxes = [shapely.box(X + 1000 * n, Y, X + 1000 * n + side, Y + side) for n, side in enumerate(sides)]
    columns = {
        "detection": np.array([f"d{n:05d}" for n in range(len(boxes))], dtype=object),
        "mean": np.broadcast_to(np.asarray(mean, dtype=float), len(boxes)).copy(),
    }
    return workshop.layers("merged.gpkg", detections=workshop.lonlat(boxes, **columns))


def filtered(workshop, file, dem=None, **limits):
    target = workshop.folder / "filtered.gpkg"
    filter_detections(file, target, dem, filter_settings=Filter(**limits))
    return read_layer(target, "kept"), read_layer(target, "removed")


def test_small_ones_are_removed_with_their_area(workshop):
    kept, removed = filtered(workshop, merged(workshop, 170, 180))
    assert (kept["detection"].tolist(), removed["detection"].tolist()) == (["d00001"], ["d00000"])
    assert removed["reason"].str.match(r"area 0\.0289\d* km2 < 0\.03 km2").all()


def test_all_reasons_stand_together(workshop):
    _, removed = filtered(workshop, merged(workshop, 100, 300, mean=[0.3, 0.9]), min_probability=0.5)
    assert removed["reason"].tolist() == [removed["reason"].iloc[0]]
    assert removed["reason"].iloc[0].endswith("; mean probability 0.3 < 0.5")


def test_narrow_ones_are_removed_where_asked(workshop):
    kept, removed = filtered(workshop, merged(workshop, 300), min_width_to_length=0.9)
    assert (len(kept), len(removed)) == (1, 0)
    strip = workshop.lonlat([shapely.box(X, Y, X + 900, Y + 100)], detection=["d00001"], mean=[0.8])
    _, removed = filtered(workshop, workshop.layers("merged.gpkg", detections=strip), min_width_to_length=0.2)
    assert removed["reason"].str.match(r"width to length 0\.111\d* < 0\.2").all()


def test_elevation_and_slope_judge_only_where_the_dem_knows(workshop):
    dem = workshop.folder / "dem.tif"
    height = np.full((100, 110), 2500.0)
    height[:, 80:] = 4000 + 40.0 * np.arange(
        30
    )  # the second square lies on a slope of 53 degrees, the third off the DEM
    profile = {"height": 100, "width": 110, "crs": "EPSG:32644", "transform": Affine(30, 0, X - 1700, 0, -30, Y + 1500)}
    with rasterio.open(dem, "w", driver="GTiff", dtype="float32", count=1, **profile) as dataset:
        dataset.write(height.astype("float32"), 1)
    kept, removed = filtered(workshop, merged(workshop, 300, 300, 300), dem, min_elevation_m=3000, max_slope_deg=40)
    assert removed["reason"].tolist() == ["lowest point 2500 m < 3000 m", removed["reason"].iloc[1]]
    assert removed["reason"].iloc[1].startswith("mean slope 53.1")
    assert kept["detection"].tolist() == ["d00002"]
    assert kept["dem_share"].tolist() == [0]
    assert kept["elevation_min_m"].isna().all()


def test_a_limit_of_elevation_without_a_dem_is_a_mistake(workshop):
    with pytest.raises(Mistake, match=r"mapping\.filter\.max_slope_deg needs elevations.*inventory\.dem"):
        filtered(workshop, merged(workshop, 300), max_slope_deg=30)


def test_nothing_merged_gives_two_empty_layers(workshop):
    kept, removed = filtered(workshop, merged(workshop))
    assert len(kept) == len(removed) == 0
    assert {"detection", "reason"} <= set(removed.columns)


def test_a_body_of_four_hectares_across_the_seam_survives(workshop):
    """0.02 km2 in each tile is too small; 0.04 km2 together is not."""
    body = shapely.box(X + 700, Y - 600, X + 1100, Y - 500)
    grids = {"A": workshop.grid(X, Y, 100, 90), "B": workshop.grid(X + 890, Y, 100, 100)}
    merge_detections(
        [workshop.detections(name, grid, [body]) for name, grid in grids.items()],
        [workshop.probability(name, grid) for name, grid in grids.items()],
        workshop.folder / "merged.gpkg",
        tiles=list(grids),
        merge=Merge(),
    )
    kept, removed = filtered(workshop, workshop.folder / "merged.gpkg")
    assert (len(kept), len(removed)) == (1, 0)
    assert kept["area_m2"].iloc[0] == pytest.approx(40_000, rel=1e-3)


def test_what_occurs_on_too_few_other_dates_is_removed(workshop):
    dates = [
        workshop.layers(f"{n}.gpkg", kept=workshop.lonlat([shapely.box(X, Y, X + side, Y + 300)]))
        for n, side in enumerate((300, 1300))
    ]
    target, files = workshop.folder / "filtered.gpkg", [PolygonFile(path=str(date)) for date in dates]
    limits = Filter(occurrence_files=files, min_occurrences=2)
    filter_detections(merged(workshop, 300, 300), target, None, dates, filter_settings=limits)
    kept, removed = read_layer(target, "kept"), read_layer(target, "removed")
    assert (kept["occurrences"].tolist(), removed["occurrences"].tolist()) == ([2], [1])
    assert removed["reason"].tolist() == ["occurrences on other dates 1 < 2"]
    with pytest.raises(ValueError, match="must not exceed the number of occurrence_files"):
        Filter(occurrence_files=files, min_occurrences=3)


def test_the_kept_are_simplified_after_the_area_filter_and_the_change_is_told(workshop, caplog):
    """A pixel less at each of four corners: 0.0300 km2 by the pixels, more or less by the simplified outline."""
    side = 174.0
    notched = shapely.box(X, Y, X + side, Y + side)
    for x, y in ((X, Y), (X + side - 10, Y), (X, Y + side - 10), (X + side - 10, Y + side - 10)):
        notched = notched.difference(shapely.box(x, y, x + 10, y + 10))
    column = {"detection": np.array(["d1"], dtype=object), "mean": [0.8], "area_m2": [1.0], "perimeter_m": [1.0]}
    file = workshop.layers("merged.gpkg", detections=workshop.lonlat([notched], **column))
    exact, _ = filtered(workshop, file, min_area_km2=0.0298)
    assert exact["area_m2"].tolist() == [1.0]  # as merged, where nothing is simplified
    assert "area_before_m2" not in exact
    with caplog.at_level("INFO"):
        kept, removed = filtered(workshop, file, min_area_km2=0.0298, simplify_m=15)
    assert (len(kept), len(removed)) == (1, 0)
    assert kept["area_before_m2"].iloc[0] == pytest.approx(notched.area, rel=2e-3)
    assert kept["area_m2"].iloc[0] == pytest.approx(geodesic_area_m2(kept)[0], abs=1e-2)
    assert kept["area_m2"].iloc[0] != pytest.approx(kept["area_before_m2"].iloc[0], rel=1e-3)
    assert shapely.get_num_coordinates(kept.geometry.iloc[0]) < 13
    assert "area changes by" in caplog.text and "most for d1" in caplog.text


def test_coarse_pixels_of_120_m_are_filtered_alike(workshop):
    """Two pixels are 0.0288 km2, three are enough."""
    boxes = [shapely.box(X + 2000 * n, Y, X + 2000 * n + 120 * (n + 2), Y + 120) for n in range(2)]
    columns = {"detection": np.array(["d1", "d2"], dtype=object), "mean": [0.8, 0.8]}
    kept, removed = filtered(workshop, workshop.layers("merged.gpkg", detections=workshop.lonlat(boxes, **columns)))
    assert (kept["detection"].tolist(), removed["detection"].tolist()) == (["d2"], ["d1"])
