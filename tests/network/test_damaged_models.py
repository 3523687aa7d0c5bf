"""Whatever a model file says of itself and holds: every reader gives a result, or one paragraph that names the file.

Headers and tensors are mutated together with the digest, as a hostile or broken writer would: damage on disk is the
digest's work. LOBATE_FUZZ says how many examples each test gets.
"""

from __future__ import annotations

import copy
import json
import math
import os

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from shapely.geometry import box

from lobate.cli.main import main
from lobate.cli.map import InputStretch
from lobate.cli.show import describe_model
from lobate.errors import UserError
from lobate.inventory.document_inventory import _model_section, _read_model
from lobate.io.jsonfile import json_text
from lobate.io.vector import LONLAT, write_layers
from lobate.network import deeplab, modelfile
from lobate.network.header import copy_with_header, read_header
from lobate.network.inference_graph import fuse_batch_norms
from lobate.settings.training import Network
from lobate.training.stac import stac_item

SMALL = Network(backbone="resnet18", weights="none", aspp_channels=8, low_level_channels=8)
ENTRIES = {
    "bands": ["B04", "B03", "B02"],
    "calibration": [[0.05, 0.0, 1200], [0.95, 1.0, 34]],
    "calibration_error": 0.05,
    "dataset": "f" * 64,
    "landform": "rock glacier",
    "licence": "CC-BY-4.0",
    "round": 2,
    "stretch": {band: {"lowest": 0.0, "highest": 0.3} for band in ("B02", "B03", "B04")},
    "threshold": 0.45,
    "validation_iou": {"background": 0.97, "landform": 0.81},
    "validation_iou_other": {"background": 0.98, "landform": None},
}
EXAMPLES = int(os.environ.get("LOBATE_FUZZ", "30"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES < 100,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The header and the tensors of a sound model file."""
    path = tmp_path_factory.mktemp("sound") / "model.safetensors"
    modelfile.save(path, deeplab.build(SMALL, seed=1), ENTRIES)
    return read_header(path), load_file(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def write(path, header, state):
    text = header if isinstance(header, str) else json.dumps(header)
    save_file(state, path, metadata={"lobate": text})


def deep(levels):
    return json.loads("[" * levels + "]" * levels)


def select(path):
    target = path.with_name("selected.safetensors")
    copy_with_header(path, target, {"bands": None, "licence": "other", "landform": "landform", "stretch": None})
    stac_item(read_header(target), target, None)


def document(path):
    _model_section(_read_model(path))


def show_json(path):
    json_text(read_header(path)).encode()


def show(path):
    assert len(describe_model(path).encode()) < 100_000


def map_ranges(path):
    InputStretch().ranges(read_header(path))


HEADER_READERS = [show, show_json, map_ranges, document]
WEIGHT_READERS = [modelfile.load, select]
ODD = st.sampled_from(
    [
        *(None, True, False, "", "x", "\ud800", "\x00", [], {}, [[]], [None], {"": None}, {"a": {"b": []}}),
        *(0, -1, 1, 2, 10**9, 10**18, 10**40, 0.0, -0.0, 0.5, -0.5, 5e-324, 1e308, math.nan, math.inf, -math.inf),
        *(deep(12), deep(300), ["B04"] * 5, "1" * 5000, [0.5] * 1000),
    ]
)


def places(value, before=()):
    """Return the place of every value in a header, as keys and numbers."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(place for key, part in inner for place in places(part, (*before, key)))]


def changed(header, place, odd, how):
    """Return the header with the value at a place replaced, deleted, or with a further one beside it."""
    if not place:
        return odd
    header = copy.deepcopy(header)
    parent = header
    for key in place[:-1]:
        parent = parent[key]
    if how == "delete":
        del parent[place[-1]]
    elif how == "add" and isinstance(parent, dict):
        parent["further"] = odd
    else:
        parent[place[-1]] = odd
    return header


def assert_result_or_paragraph(read, path):
    try:
        read(path)
    except UserError as mistake:
        assert str(path) in str(mistake)
        assert "\n" not in str(mistake).strip()
        assert len(str(mistake)) < 1000


def test_any_value_in_a_header_gives_a_result_or_one_paragraph(sound, path):
    header, state = sound
    everywhere = places(header)

    @FUZZ
    @given(st.sampled_from(everywhere), ODD, st.sampled_from(["replace", "replace", "replace", "delete", "add"]))
    def attempt(place, odd, how):
        write(path, changed(header, place, odd, how), state)
        for read in [*HEADER_READERS, *WEIGHT_READERS]:
            assert_result_or_paragraph(read, path)

    attempt()


NUMBERS = st.sampled_from([0.0, -1.0, 0.5, 1.0, 1e-40, 1e30, -1e30])
NORMALISATIONS = st.lists(NUMBERS, max_size=4)


def test_a_normalisation_that_is_read_normalises(sound, path):
    header, state = sound

    @FUZZ
    @given(NORMALISATIONS, NORMALISATIONS)
    def attempt(mean, std):
        write(path, {**header, "preprocessing": {"mean": mean, "std": std}}, state)
        try:
            model, _ = modelfile.load(path)
        except UserError as mistake:
            assert str(path) in str(mistake)
        else:
            white = torch.full((1, 3, 8, 8), 255, dtype=torch.uint8)
            assert deeplab.normalise(white, model.preprocessing).isfinite().all()

    attempt()


NOT_NUMBERS = [math.nan, math.inf, -math.inf]
TENSOR_CHANGES = {
    **{f"one value is {value}": lambda t, value=value: t.index_fill(0, torch.tensor([t.numel() // 2]), value)
       for value in NOT_NUMBERS},
    "all values are NaN": lambda t: t * math.nan,
    "float16": lambda t: t.half(),
    "bfloat16": lambda t: t.bfloat16(),
    "8-bit float": lambda t: t.to(torch.float8_e4m3fn),
    "float64": lambda t: t.double(),
    "complex": lambda t: t.to(torch.complex64),
    "int32": lambda t: t.int(),
    "bool": lambda t: t.bool(),
    "empty": lambda t: t[:0],
    "shorter": lambda t: t[:-1],
    "longer": lambda t: torch.cat([t, t]),
}  # fmt: skip


def test_tensors_that_no_network_has_are_refused(sound, path):
    """NaN and infinity, other types and other shapes, in any tensor of the file and with the digest of what is in it."""
    header, state = sound
    floats = sorted(name for name, tensor in state.items() if tensor.is_floating_point())

    @FUZZ
    @given(st.sampled_from(floats), st.sampled_from(sorted(TENSOR_CHANGES)))
    def attempt(name, change):
        tensor = TENSOR_CHANGES[change](state[name].reshape(-1).clone())
        bad = {**state, name: tensor.reshape(state[name].shape) if tensor.numel() == state[name].numel() else tensor}
        try:
            digest = modelfile.state_digest(bad)
        except TypeError:  # numpy has no such type
            digest = header["digest"]
        write(path, {**header, "digest": digest}, bad)
        with pytest.raises(UserError, match=r"model\.safetensors") as mistake:
            modelfile.load(path)
        assert "\n" not in str(mistake.value)
        assert_result_or_paragraph(select, path)
        assert_result_or_paragraph(describe_model, path)

    attempt()


def resealed(header, state, **tensors):
    state = {**state, **tensors}
    return {**header, "digest": modelfile.state_digest(state)}, state


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_not_a_number_is_not_passed_on_either(sound, path, value):
    header, state = sound
    name = "decoder.logits.bias"
    write(path, *resealed(header, state, **{name: torch.tensor([0.0, value])}))
    for read in WEIGHT_READERS:
        with pytest.raises(UserError, match=rf"{name} holds values that are not finite"):
            read(path)
    assert not path.with_name("selected.safetensors").exists()


def test_a_negative_variance_is_refused(sound, path):
    header, state = sound
    name = next(name for name in state if name.endswith("running_var"))
    write(path, *resealed(header, state, **{name: -torch.ones_like(state[name])}))
    with pytest.raises(UserError, match="a variance"):
        modelfile.load(path)


def test_finite_weights_that_overflow_map_nothing(sound, path):
    header, state = sound
    write(
        path, *resealed(header, state, **{name: torch.full_like(t, 3e38) for name, t in state.items() if t.dim() == 4})
    )
    with pytest.raises(UserError, match=r"model\.safetensors: .*no finite numbers"):
        fuse_batch_norms(modelfile.load(path)[0], path)


HUGE = {
    "aspp_channels": {"architecture": {**SMALL.model_dump(), "aspp_channels": 10**6}},
    "aspp_channels beyond any memory": {"architecture": {**SMALL.model_dump(), "aspp_channels": 2**31 - 1}},
    "low_level_channels": {"architecture": {**SMALL.model_dump(), "low_level_channels": 10**9}},
    "another backbone": {"architecture": {**SMALL.model_dump(), "backbone": "resnetv2_152x4_bit"}},
    "no convolutional backbone": {"architecture": {**SMALL.model_dump(), "backbone": "vit_base_patch16_224"}},
    "classes": {"classes": 10**9},
    "all classes of 8 bits": {"classes": 255},
    "one class": {"classes": 1},
    "channels": {"channels": 10**5, "preprocessing": {"mean": [0.5] * 10**5, "std": [0.5] * 10**5}},
}


@pytest.mark.parametrize("kind", HUGE)
def test_an_absurd_architecture_takes_no_memory(sound, path, kind, monkeypatch):
    """Only the meta device sees it: no network is built on the CPU before the file's tensors are known to fit."""
    header, state = sound
    write(path, {**header, **HUGE[kind]}, state)
    devices = []
    build = modelfile.build_uninitialised
    monkeypatch.setattr(
        modelfile,
        "build_uninitialised",
        lambda *a, **k: devices.append(str(torch.get_default_device())) or build(*a, **k),
    )
    with pytest.raises(UserError, match=r"model\.safetensors"):
        modelfile.load(path)
    assert set(devices) <= {"meta"}


@pytest.fixture
def inputs(tmp_path):
    """An image, a label raster, outlines, a split, a configuration and a verdict: all that the commands need."""
    where = Affine(10, 0, 5e5, 0, -10, 4e6)
    for name, count in (("image", 3), ("label", 1)):
        profile = {"driver": "GTiff", "count": count, "dtype": "uint8", "width": 64, "height": 64, "crs": "EPSG:32644"}
        with rasterio.open(tmp_path / f"{name}.tif", "w", transform=where, **profile) as dataset:
            dataset.write(np.full((count, 64, 64), 100 * (count > 1), np.uint8))
    outlines = gpd.GeoDataFrame({"class": ["positive"]}, geometry=[box(80, 35, 80.1, 35.1)], crs=LONLAT)
    write_layers(tmp_path / "polygons.gpkg", {"kept": outlines, "removed": outlines.iloc[:0]})
    windows = outlines.assign(tile="A", row=0, height=64, width=64, window_row=0, window_col=0)
    write_layers(tmp_path / "split.gpkg", {"split": windows.assign(side="validation", group="a")})
    write_layers(tmp_path / "A.gpkg", {"patches": windows})
    (tmp_path / "verdict.json").write_text(json.dumps({"round": 1, "validation_iou": {"landform": 0.5}}))
    (tmp_path / "region.yaml").write_text(
        "region: r\nlabels: {positives: [{path: p.shp}]}\nimagery: {tiles: {A: [a.tif]}}\n"
    )
    return tmp_path


COMMANDS = {
    "predict": "predict --image image.tif --model model.safetensors --probability made.tif --settings region.yaml",
    "map": "map image.tif --model model.safetensors --out made.gpkg",
    "model show": "model show model.safetensors",
    "model export": "model export model.safetensors --onnx made.onnx",
    "mine-negatives": "mine-negatives --model model.safetensors --images image.tif --labels label.tif --polygons polygons.gpkg "
    "--split split.gpkg --footprints A.gpkg --verdict verdict.json --negatives made.gpkg --mined made.npy --ignored ignored.npy "
    "--candidates candidates.gpkg --tiles A --round 1 --settings region.yaml",
    "select-model": "select-model --verdicts verdict.json --models model.safetensors --model made.safetensors "
    "--selection made.json --stac made.stac.json --settings region.yaml",
}
DAMAGES = {
    "a list": ("[]", None),
    "deep": ("[" * 100_000 + "]" * 100_000, None),
    "deep below": (lambda header: {**header, "further": deep(300)}, None),
    "zero deviation": (lambda header: {**header, "preprocessing": {"mean": [0.5] * 3, "std": [0.5, 0, 0.5]}}, None),
    "text for channels": (lambda header: {**header, "channels": "3"}, None),
    "no architecture": (lambda header: {**header, "architecture": None}, None),
    "ranges are a list": (lambda header: {**header, "stretch": [0, 0.3]}, None),
    "a number for a band": (lambda header: {**header, "bands": [4, 3, 2]}, None),
    "a billion classes": (lambda header: {**header, "classes": 10**9}, None),
    "NaN": (None, math.nan),
    "infinity": (None, math.inf),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_command_tells_a_bad_model_in_one_paragraph(sound, inputs, damage, monkeypatch, capfd):
    monkeypatch.chdir(inputs)
    monkeypatch.delenv("LOBATE_STORE", raising=False)
    (header, state), (change, value) = sound, DAMAGES[damage]
    if value is not None:
        header, state = resealed(header, state, **{"decoder.logits.bias": torch.full((2,), value)})
    write(inputs / "model.safetensors", change(header) if callable(change) else change or header, state)
    for name, command in COMMANDS.items():
        if name == "model show" and value is not None:
            continue  # it reads no weights
        status, said = main(command.split()), capfd.readouterr().err
        assert status == 2, f"{name}: {said}"
        assert "fault in lobate" not in said, said
        paragraphs = [line for line in said.splitlines() if line.startswith("Error")]
        assert len(paragraphs) == 1, said
        assert "model.safetensors" in paragraphs[0]
        assert not list(inputs.glob("made*")), name


def test_the_same_commands_take_a_sound_model(sound, inputs, monkeypatch, capfd):
    """Else the test above would pass for other reasons."""
    monkeypatch.chdir(inputs)
    monkeypatch.delenv("LOBATE_STORE", raising=False)
    write(inputs / "model.safetensors", *sound)
    for name, command in COMMANDS.items():
        if name != "model export":  # takes long, and test_export does it
            assert main(command.split()) == 0, capfd.readouterr().err
