"""Each outline in a file of lobate's says whether a person drew it, mended it, or nobody did."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lobate.io.origin import DRAWN, MENDED, UNMENDED, origins_of, outline_origins

SQUARE, OTHER = shapely.box(83.0, 34.0, 83.01, 34.01), shapely.box(83.0, 34.0, 83.01, 34.02)
SEEN = SQUARE.wkt


def table(shapes=None, **fields) -> gpd.GeoDataFrame:
    count = len(next(iter(fields.values())))
    return gpd.GeoDataFrame(fields, geometry=shapes or [SQUARE] * count, crs=4326)


@pytest.mark.parametrize(
    ("fields", "origins"),
    [
        ({"name": ["a", "b"]}, [DRAWN, DRAWN]),
        ({"detection": ["by eye", "radar"]}, [DRAWN, DRAWN]),
        ({"source": ["reviewed", "field"]}, [DRAWN, DRAWN]),
        ({"method": ["deep learning", "both"]}, [DRAWN, DRAWN]),
        ({"status": ["edited", "accepted"], "Comment": ["deep learning", ""]}, [DRAWN, DRAWN]),
        ({"detection": ["d00001", "d00002"], "mean": [0.9, 0.8]}, [UNMENDED, UNMENDED]),
        ({"detection": ["d1", "d2", None], "status": ["accepted", "Edited ", None], "confidence": [0.9, 0.8, None]}, [UNMENDED, MENDED, DRAWN]),
        ({"outline_from": ["reviewed", "reviewed", "insar"], "status": ["accepted", "edited", "edited"]}, [UNMENDED, MENDED, DRAWN]),
        ({"out_from": ["reviewed", "reviewed", "insar"], "status": ["pending", "edited", "mapped"]}, [UNMENDED, MENDED, DRAWN]),
        ({"source": ["reviewed", "reviewed", "insar"], "source_id": ["d1", "d2", "7"], "status": ["accepted", "edited", "mapped"]}, [UNMENDED, MENDED, DRAWN]),
        ({"decision": ["d1", "d2"], "kept": [1, 1], "status": ["accepted", "edited"]}, [UNMENDED, MENDED]),
        ({"PrimaryID": ["a"] * 4, "WorkingID": ["w"] * 4, "Comment": ["deep learning; accepted; nice", "both; edited", "InSAR; mapped", None]}, [UNMENDED, MENDED, DRAWN, DRAWN]),
        ({"altitude_m": [1.0] * 3, "lowest_m": [1.0] * 3, "highest_m": [1.0] * 3, "method": ["deep learning", "deep learning and InSAR", "InSAR"]}, [UNMENDED, UNMENDED, DRAWN]),
    ],
)  # fmt: skip
def test_fields_tell_the_origin(fields, origins):
    assert outline_origins(table(**fields)).tolist() == origins


def test_an_outline_unlike_the_one_shown_is_mended_and_one_without_was_drawn_in_sight_of_the_map():
    sheet = table(
        [SQUARE, OTHER, SQUARE, SQUARE],
        detection=["d1", "d2", None, "d4"],
        status=["accepted", "accepted", "accepted", "accepted"],
        seen=[SEEN, SEEN, None, "no outline"],
    )
    assert outline_origins(sheet).tolist() == [UNMENDED, MENDED, MENDED, UNMENDED]
    assert outline_origins(sheet.to_crs(32644)).tolist() == [UNMENDED, MENDED, MENDED, UNMENDED]


def test_no_rows_and_no_field():
    assert outline_origins(table(detection=[], mean=[])).tolist() == []
    assert origins_of(table(polygon=["a", "b"])).tolist() == [DRAWN, DRAWN]
    assert origins_of(table(origin=np.array([UNMENDED], dtype=object))).tolist() == [UNMENDED]
