import json
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from lobate.errors import UserError
from lobate.network.modelfile import load
from lobate.training import loop
from lobate.training.checkpoint import SCRATCH_VARIABLE
from lobate.training.metrics import MetricAccumulator
from lobate.training.schedule import BatchNorm


@pytest.fixture(autouse=True)
def no_scratch(monkeypatch):
    monkeypatch.delenv(SCRATCH_VARIABLE, raising=False)


def test_the_verdict_and_the_header_say_how_far_a_probability_can_be_trusted(train_call):
    outputs = train_call.with_options(iterations=1).train("one")
    facts, (_, header) = json.loads(outputs["verdict"].read_text()), load(outputs["model"])
    pixels = sum(count for *_, count in facts["calibration"])
    assert pixels == 2 * 64 * 64
    assert all(0 <= predicted <= 1 and 0 <= observed <= 1 for predicted, observed, _ in facts["calibration"])
    for name in ("calibration", "calibration_error", "dataset", "validation_iou"):
        assert header[name] == facts[name]
    assert set(header["libraries"]) == {"numpy", "safetensors", "timm", "torch", "torchvision"}


def contents(outputs):
    return {name: path.read_bytes() for name, path in outputs.items()}


def test_a_round_leaves_model_curves_and_facts_and_repeats_to_the_byte(train_call):
    outputs = train_call.train("one")
    facts = json.loads(outputs["verdict"].read_text())
    assert facts["round"] == 1
    assert facts["patches"] == {
        "training": 8,
        "mined": 0,
        "showing_landform": 6,
        "validation": 2,
        "validation_showing_landform": 2,
    }
    assert facts["validation_intervals"]["iou"]["blocks"] == len(facts["validation_intervals"]["iou"]["values"]) == 2
    assert facts["augment"] == ["flip", "rotate", "blur"]
    assert "target" not in outputs["verdict"].read_text()
    table = pd.read_csv(outputs["metrics"])
    assert table["iteration"].tolist() == [2, 2, 4, 4, 6, 6]
    best = table[(table["split"] == "validation") & (table["iteration"] == facts["iteration"])]
    assert best["iou_landform"].item() == facts["validation_iou"]["landform"]
    assert best["iou_landform"].item() == table.loc[table["split"] == "validation", "iou_landform"].max()
    model, header = load(outputs["model"])
    assert (header["round"], header["validation_iou"], model.channels) == (1, facts["validation_iou"], 3)
    assert contents(train_call.train("two")) == contents(outputs)


def test_another_round_or_seed_trains_otherwise(train_call):
    short = train_call.with_options(iterations=1)
    models = [
        call.train(str(n))["model"].read_bytes()
        for n, call in enumerate([short, replace(short, round=2), replace(short, seed=6)])
    ]
    assert len(set(models)) == 3


@pytest.mark.parametrize("options", [{}, {"batch": 3, "accumulate": 2, "ema": 0.9, "optimizer": "adamw"}])
def test_a_killed_training_goes_on_and_ends_the_same(train_call, monkeypatch, tmp_path, options):
    """Optimiser, schedule, average, sampler and all random choices go on where they were: the bytes say so."""
    train_call = train_call.with_options(**options)
    whole = contents(train_call.train("whole"))
    monkeypatch.setenv(SCRATCH_VARIABLE, str(tmp_path / "scratch"))
    step = loop.train_step
    taken = []

    def killed(*arguments):
        taken.append(1)
        if len(taken) in (4, 8):  # once after the first evaluation, once after the second
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(loop, "train_step", killed)
    for name in ("killed", "again"):
        with pytest.raises(KeyboardInterrupt):
            train_call.with_options(evaluate_every=2).train(name)
    curves = (tmp_path / "scratch/curves/metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in curves] == ["iteration", "2", "2", "4", "4"], "what could be watched so far"
    assert curves[0].endswith(",images_per_s")
    assert float(curves[-1].split(",")[-1]) > 0
    monkeypatch.setattr(loop, "train_step", step)
    assert contents(train_call.train("end")) == whole
    assert contents(train_call.train("after the end")) == whole


def test_a_checkpoint_between_looks_serves_as_well(train_call, monkeypatch, tmp_path):
    long = train_call.with_options(evaluate_every=6, optimizer="adamw", learning_rate=0.01)
    whole = contents(long.train("whole"))
    monkeypatch.setenv(SCRATCH_VARIABLE, str(tmp_path / "scratch"))
    monkeypatch.setattr(loop.ProgressLog, "EVERY_S", -1)  # tells and keeps after every step
    step, taken = loop.train_step, []

    def killed(*arguments):
        taken.append(1)
        if len(taken) == 5:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(loop, "train_step", killed)
    with pytest.raises(KeyboardInterrupt):
        long.train("killed")
    assert contents(long.train("end")) == whole
    assert len(taken) == 7  # four, the one that was killed, and the last two


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_checkpoint_with_a_flipped_bit_changes_no_model(train_call, monkeypatch, tmp_path, caplog, share):
    """Of the network, the optimiser or the best weights: the training starts anew and ends with the same bytes."""
    whole = contents(train_call.train("whole"))
    monkeypatch.setenv(SCRATCH_VARIABLE, str(tmp_path / "scratch"))
    step, taken = loop.train_step, []

    def killed(*arguments):
        taken.append(1)
        if len(taken) == 4:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(loop, "train_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train_call.train("killed")
    checkpoint = tmp_path / "scratch/checkpoint.pt"
    content = bytearray(checkpoint.read_bytes())
    content[int(share * len(content))] ^= 0x40
    checkpoint.write_bytes(content)
    assert contents(train_call.train("end")) == whole
    assert "training starts anew" in caplog.text
    assert len(taken) == 4 + 6


def test_it_learns(long):
    facts = json.loads(long.train("long")["verdict"].read_text())
    assert facts["training_iou"]["landform"] > 0.5
    losses = facts["training_loss"]
    assert losses["evaluation"] < losses["constant"]
    assert facts["learnt_nothing"] is None


def test_a_training_that_is_lost_in_evaluation_is_said_to_have_learnt_nothing(long, monkeypatch, caplog):
    """The same training, evaluated with the statistics of norms that belong to another network."""

    @contextmanager
    def of_another(network, *_):
        for module in network.modules():
            if isinstance(module, BatchNorm):
                module.running_mean.fill_(0.5)
                module.running_var.fill_(0.05)
        yield

    monkeypatch.setattr(loop, "fresh_statistics", of_another)
    facts = json.loads(long.train("long")["verdict"].read_text())
    assert "loss in evaluation" in facts["learnt_nothing"]
    assert "LEARNT NOTHING" in caplog.text


def test_an_average_is_what_is_measured_and_kept(train_call):
    plain, averaged = (
        load(train_call.with_options(iterations=2, evaluate_every=2, **options).train(str(options))["model"])[
            0
        ].state_dict()
        for options in ({}, {"ema": 0.9})
    )
    assert not torch.equal(plain["decoder.logits.weight"], averaged["decoder.logits.weight"])


def test_parts_of_a_batch_take_its_step(train_call):
    """With frozen norms and no dropout the parts add up to the whole batch, up to rounding."""
    models = []
    for parts in (1, 2, 3):
        schedule = {"batch": 3, "accumulate": parts, "iterations": 1, "batch_norm": "frozen"}
        models.append(load(train_call.with_options(**schedule).train(f"in {parts}")["model"])[0].state_dict())
    for name in ("backbone.net.conv_stem.weight", "pyramid.point.0.weight"):
        for model in models[1:]:
            torch.testing.assert_close(model[name], models[0][name], rtol=1e-2, atol=1e-3)


def test_patience_ends_a_round_early_and_a_resumed_one_too(train_call, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv(SCRATCH_VARIABLE, str(tmp_path / "scratch"))
    monkeypatch.setattr(
        loop, "evaluate", lambda *_: MetricAccumulator().compute()
    )  # nothing is ever better than nothing
    patient = train_call.with_options(iterations=50, evaluate_every=1, patience=3)
    caplog.set_level("INFO", logger="lobate")
    facts = [json.loads(patient.train(name)["verdict"].read_text()) for name in ("one", "again")]
    assert facts[0] == facts[1]
    assert facts[0]["iterations"] == 4  # the first evaluation, and three that were no better
    assert "no better validation IoU in 3 evaluations: training ends at iteration 4" in caplog.text


def test_torch_is_left_as_it_was(train_call):
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    train_call.with_options(iterations=1).train("one")
    assert torch.random.get_rng_state().equal(before)
    assert not torch.are_deterministic_algorithms_enabled()


def test_validation_without_the_landform_is_told_and_has_no_iou(train_call, split_writer):
    split_writer(train_call.split, {"A": ["training", "validation", "training"]})  # patch 1 shows none
    facts = json.loads(train_call.with_options(iterations=2).train("one")["verdict"].read_text())
    assert facts["validation_iou"]["landform"] is None
    assert "No validation patch shows the landform" in facts["warnings"][0]


def test_a_batch_of_one_is_handled_and_told(train_call):
    facts = json.loads(train_call.with_options(batch=1, iterations=2).train("one")["verdict"].read_text())
    assert "batch of 1" in facts["warnings"][0]


def test_a_batch_without_the_landform_is_learnt_from_like_any_other(train_call):
    for path in train_call.patches:
        array = np.load(path)
        array[1:4, ..., 3] = 0  # one training patch in four shows it
        np.save(path, array)
    weighted = train_call.with_options(
        batch=1, iterations=4, evaluate_every=4, batch_norm="frozen", class_weights=[1.0, 5.0]
    )
    outputs = weighted.train("one")
    facts = json.loads(outputs["verdict"].read_text())
    assert (facts["skipped_batches"], facts["patches"]["showing_landform"]) == (0, 2)
    assert pd.read_csv(outputs["metrics"])["loss"].notna().all()


def test_batches_without_a_labelled_pixel_are_skipped_and_told(train_call, caplog):
    for path in train_call.patches:
        array = np.load(path)
        array[1:4, ..., 3] = 255
        np.save(path, array)
    facts = json.loads(train_call.with_options(batch=1, batch_norm="frozen").train("one")["verdict"].read_text())
    assert 0 < facts["skipped_batches"] < 6
    assert "no labelled pixel" in caplog.text


def test_a_loss_that_runs_away_names_the_learning_rate(train_call):
    with pytest.raises(UserError, match=r"training\.schedule\.learning_rate \(now 1e\+30\)"):
        train_call.with_options(learning_rate=1e30).train("one")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError("Unable to allocate 3 GiB for an array"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: not enough memory: you tried 9 bytes."),
    ],
)
def test_too_little_memory_names_what_to_lower(train_call, monkeypatch, error):
    def hungry(*_):
        raise error

    monkeypatch.setattr(loop, "train_step", hungry)
    with pytest.raises(UserError, match=r"2 patches of 64 x 64 .* Raise training\.schedule\.accumulate"):
        train_call.train("one")


def test_another_error_is_no_lack_of_memory(train_call, monkeypatch):
    def broken(*_):
        raise RuntimeError("invalid argument in a kernel that was allocated to stream 3")

    monkeypatch.setattr(loop, "train_step", broken)
    with pytest.raises(RuntimeError, match="invalid argument"):
        train_call.train("one")


def test_four_channels_and_an_odd_crop_train_too(train_call):
    for path in train_call.patches:
        array = np.load(path)
        np.save(path, np.concatenate([array[..., :1], array], axis=-1))
    model, _ = load(train_call.with_options(iterations=2, crop=50).train("one")["model"])
    assert model.channels == 4


def test_mined_patches_join_the_training(train_call, tmp_path):
    np.save(tmp_path / "mined.npy", np.full((2, 64, 64, 4), [90, 90, 90, 0], dtype=np.uint8))
    facts = json.loads(
        replace(train_call, mined=(tmp_path / "mined.npy",), round=2)
        .with_options(iterations=2)
        .train("one")["verdict"]
        .read_text()
    )
    assert facts["mined_negatives"] == 2
    assert facts["patches"]["training"] == 8


def test_an_iou_from_enough_groups_has_an_interval_and_no_weight_knows_of_groups(train_call, split_writer):
    sides = {
        "A": ["training", "training", "validation", "validation", "validation"],
        "B": ["validation"] * 4 + ["training"],
    }
    short = train_call.with_options(iterations=8, evaluate_every=8, batch=4, learning_rate=0.2, scales=[1.0])
    facts, models = [], []
    for name, groups in (("own", [*"abcdefghij"]), ("common", ["a"] * 10)):
        split_writer(train_call.split, sides, group=groups)
        outputs = short.train(name)
        facts.append(json.loads(outputs["verdict"].read_text()))
        models.append(load(outputs["model"])[0].state_dict())
    recall = facts[0]["validation_intervals"]["recall"]
    assert recall["blocks"] == 6, "of the seven groups, those that show the landform"
    assert facts[1]["validation_intervals"]["recall"]["blocks"] == 1
    assert all(torch.equal(tensor, models[1][name]) for name, tensor in models[0].items())
    assert facts[0]["validation_iou"] == facts[1]["validation_iou"]
