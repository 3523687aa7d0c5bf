"""The paper's account on a tiny inventory."""

from __future__ import annotations

import pandas as pd

from lobate.inventory.account import account

NOTHING = pd.DataFrame(
    columns=[
        "method",
        "sources",
        "elevation_min_m",
        "elevation_max_m",
        "elevation_mean_m",
        "area_km2",
        "slope_deg",
        "velocity",
    ]
)


def test_known_new_wrong_and_total():
    inventory = pd.DataFrame(
        {
            "method": ["both", "both", "InSAR", "deep learning"],
            "sources": ["insar:1;reviewed:a", "insar:2;reviewed:a", "insar:3", "reviewed:b"],
            "elevation_min_m": [4000.0, None, 4100, 3900],
            "elevation_mean_m": [4200.0, None, 4300, 4100],
            "elevation_max_m": [4500.0, None, 4700, 4300],
            "area_km2": [0.1, 0.2, 0.3, 0.4],
            "slope_deg": [10.0, None, 20, 30],
            "velocity": [None] * 4,
        }
    ).astype({"velocity": float})
    told = account(
        inventory,
        pd.DataFrame({"status": ["edited", "pending"], "source_id": ["drawn_00001", "d00002"]}),
        rejected=3,
        dropped=1,
        repeated=0,
    )
    assert told["detections"] == {
        "total": 6, "known": 1, "new": 1, "wrong": 3, "pending_left_out": 1, "repeated": 0,
        "edited": 1, "accepted": 0, "pending": 1, "drawn": 1,
    }  # fmt: skip
    assert told["inventory"]["by_method"] == {"InSAR": 1, "both": 2, "deep learning": 1}
    assert told["inventory"]["altitude_m"] == {"lowest": 3900, "highest": 4700, "mean": 4200}
    assert told["inventory"]["area_km2"] == {"total": 1.0, "mean": 0.25, "median": 0.25}
    assert (told["inventory"]["mean_slope_deg"], told["inventory"]["without_elevation"]) == (20, 1)


def test_nothing_has_no_altitude_rather_than_zero():
    told = account(NOTHING, pd.DataFrame({"status": []}), 0, 0, 0)
    assert told["inventory"]["altitude_m"] == {"lowest": None, "highest": None, "mean": None}
    assert told["inventory"]["area_km2"]["mean"] is None
    assert told["inventory"]["total"] == told["detections"]["total"] == 0
