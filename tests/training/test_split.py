import pytest

from lobate.errors import UserError
from lobate.io.vector import read_layer
from lobate.training.split import EmptySplitError, keep_alternative, keep_configured, keep_folds, read_split

SIDES = {"A": ["training", "training", "validation", "training"]}
FOLDS = {"fold": [0, 1, 1, -1], "clash": ["", "0", "", "0,1"], "other_side": ["validation", "training", "dropped", "training"]}  # fmt: skip


@pytest.fixture
def path(split_writer, tmp_path):
    return split_writer(tmp_path / "split.gpkg", SIDES, **FOLDS)


def test_each_protocol_has_its_sides(path):
    assert read_split(path)["side"].tolist() == SIDES["A"]
    assert read_split(path, "other_side")["side"].tolist() == FOLDS["other_side"]
    assert read_split(path, 1)["side"].tolist() == ["training", "validation", "validation", "dropped"]


def test_a_patch_that_clashes_with_a_fold_does_not_train_in_it(path):
    with pytest.raises(EmptySplitError, match="no validation patch in fold 5"):
        read_split(path, 5)
    assert read_split(path, 0)["side"].tolist() == ["validation", "dropped", "training", "dropped"]


def test_clashes_are_numbers_not_letters(split_writer, tmp_path):
    path = split_writer(tmp_path / "s.gpkg", {"A": ["training"] * 3}, fold=[1, 2, 0], clash=["10,12", None, "11"])
    assert read_split(path, 1)["side"].tolist() == ["validation", "training", "training"]


@pytest.mark.parametrize(
    ("view", "kept"), [(keep_configured, {"side"}), (keep_alternative, {"other_side"}), (keep_folds, {"fold", "clash"})]
)
def test_a_lens_lets_through_only_what_its_protocol_needs(path, tmp_path, view, kept):
    view(path, tmp_path / "part.gpkg")
    columns = set(read_layer(tmp_path / "part.gpkg", "split").columns)
    assert columns == {"tile", "row", "height", "width", "group", "geometry"} | kept


def test_folds_beside_it_change_nothing_of_what_a_round_sees(split_writer, tmp_path):
    parts = []
    for name, columns in (("a", {}), ("b", FOLDS)):
        keep_configured(split_writer(tmp_path / f"{name}.gpkg", SIDES, **columns), tmp_path / f"{name}_part.gpkg")
        parts.append((tmp_path / f"{name}_part.gpkg").read_bytes())
    assert parts[0] == parts[1]


@pytest.mark.parametrize("protocol", ["other_side", 0])
def test_a_split_without_the_fields_is_told(split_writer, tmp_path, protocol):
    path = split_writer(tmp_path / "split.gpkg", SIDES)
    with pytest.raises(UserError, match="lacks the field"):
        read_split(path, protocol)
    with pytest.raises(UserError, match="lacks the field"):
        (keep_alternative if protocol else keep_folds)(path, tmp_path / "part.gpkg")


def test_an_empty_side_is_a_finding(split_writer, tmp_path):
    path = split_writer(tmp_path / "split.gpkg", SIDES, other_side="dropped")
    with pytest.raises(EmptySplitError, match="no training patch by the other protocol"):
        read_split(path, "other_side")
