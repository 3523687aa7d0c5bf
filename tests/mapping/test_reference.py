"""Reference outlines from the user's file or the labels, and footprints of training patches."""

import numpy as np
import pytest
import shapely

from lobate.errors import UserError
from lobate.mapping.reference import (
    known_outlines,
    read_reference,
    removed_outlines,
    seen_footprints,
    valid_polygons,
)
from lobate.settings.mapping import ReferenceFile

BOW_TIE = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])


def outlines(workshop, count=3):
    return workshop.lonlat(
        [shapely.box(n, 0, n + 0.5, 0.5) for n in range(count)],
        epsg=4326,
        kind=np.array(["extended", "restricted", "extended"][:count], dtype=object),
        grade=np.arange(count),
    )


def test_the_users_file_with_its_ids_and_conditions(workshop):
    path = workshop.layers("truth.gpkg", RG=outlines(workshop))
    wanted = ReferenceFile(path="in/truth.gpkg", layer="RG", id_field="grade", where={"kind": "extended"})
    reference = read_reference(path, wanted)
    assert reference.outlines["reference"].tolist() == ["0", "2"]
    assert reference.description == "in/truth.gpkg, layer RG, kind = extended"


def test_ids_come_from_the_file_name_and_the_feature_number(workshop):
    path = workshop.layers("truth.gpkg", RG=outlines(workshop))
    reference = read_reference(path, ReferenceFile(path="in/truth.gpkg", where={"grade": 2}))
    assert reference.outlines["reference"].tolist() == ["truth_3"]


def test_a_field_that_is_not_there_names_the_nearest(workshop):
    path = workshop.layers("truth.gpkg", RG=outlines(workshop))
    with pytest.raises(UserError, match=r"no field kinds, which mapping\.reference names; did you mean kind\?"):
        read_reference(path, ReferenceFile(path="truth.gpkg", where={"kinds": "extended"}))


def test_no_outline_left_is_a_mistake(workshop):
    path = workshop.layers("truth.gpkg", RG=outlines(workshop))
    with pytest.raises(UserError, match="no outline to score against"):
        read_reference(path, ReferenceFile(path="truth.gpkg", where={"kind": "relict"}))


def test_a_file_without_crs_is_a_mistake(workshop):
    path = workshop.folder / "truth.shp"
    outlines(workshop).to_file(path)
    path.with_suffix(".prj").unlink()
    with pytest.raises(UserError, match="coordinate reference system"):
        read_reference(path, ReferenceFile(path="truth.shp"))


def test_without_a_file_the_positive_labels_are_the_reference_and_all_positives_are_known(workshop):
    kept = outlines(workshop).assign(polygon=["a", "b", "c"], **{"class": ["positive", "negative", "positive"]})
    removed = outlines(workshop, 2).assign(polygon=["d", "e"], **{"class": ["positive", "negative"]})
    path = workshop.layers("polygons.gpkg", kept=kept, removed=removed)
    assert read_reference(path, None).outlines["reference"].tolist() == ["a", "c"]
    assert len(known_outlines(path)) == 3


def test_training_and_validation_patches_are_seen(workshop):
    split = outlines(workshop).assign(side=["training", "validation", "dropped"])
    assert len(seen_footprints(workshop.layers("split.gpkg", split=split))) == 2


def test_removed_ground_is_positive_and_not_that_of_a_kept_outline(workshop):
    kept = outlines(workshop, 1).assign(**{"class": "positive"})
    removed = outlines(workshop).assign(**{"class": ["positive", "positive", "negative"]})
    (ground,) = removed_outlines(workshop.layers("polygons.gpkg", kept=kept, removed=removed))
    assert ground.equals(removed.to_crs(4326).geometry.iloc[1])


def test_invalid_outlines_are_repaired_and_lines_have_no_area(workshop):
    frame = workshop.lonlat([BOW_TIE, None, shapely.Polygon()], epsg=4326)
    assert shapely.area(valid_polygons(frame.geometry)).tolist() == [0.5, 0, 0]


def test_outlines_that_nobody_mended_judge_nothing(workshop, caplog):
    kept = outlines(workshop).assign(
        polygon=["a", "b", "c"], **{"class": "positive", "origin": ["drawn", "model", "mended"]}
    )
    path = workshop.layers("polygons.gpkg", kept=kept, removed=outlines(workshop, 1).assign(**{"class": "negative"}))
    labels = read_reference(path, None)
    assert labels.outlines["reference"].tolist() == ["a", "c"]
    inventory = workshop.layers("inventory.gpkg", inventory=outlines(workshop).assign(outline_from="reviewed", status=["edited", "accepted", "edited"]))  # fmt: skip
    file = read_reference(inventory, ReferenceFile(path="inventory.gpkg"))
    assert file.outlines["reference"].tolist() == ["inventory_1", "inventory_3"]
    for reference in (labels, file):
        assert [shape.bounds[0] for shape in reference.unmended] == [1.0]
        assert reference.without_area == 0
    assert "1 reference outlines are a model's that nobody mended" in caplog.text


def test_a_reference_of_unmended_outlines_alone_is_a_mistake(workshop):
    path = workshop.layers("d.gpkg", kept=outlines(workshop).assign(detection="d1", mean=0.9))
    with pytest.raises(UserError, match="no outline to score against"):
        read_reference(path, ReferenceFile(path="d.gpkg"))
