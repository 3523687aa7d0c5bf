"""Training: what our loop adds to the bare step, and what IoU the network reaches beside the other DeepLabv3+."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import torch
import yaml
from shapely.geometry import box
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.figures import Figure, measures, ratio, seconds
from lobate.engine import stage
from lobate.io.vector import write_layers
from lobate.network.deeplab import build, normalise
from lobate.settings import Region
from lobate.settings.load import parse
from lobate.settings.training import Network, Schedule, Training
from lobate.store.store import Store
from lobate.training.datamodule import TrainingData, read_data
from lobate.training.experiment import round_record
from lobate.training.loop import TrainConfig, fit, seed_of
from lobate.training.schedule import autocast, build_optimizer

PROJECT = Path(__file__).resolve().parent.parent
REAL_DATA = Path(os.environ.get("LOBATE_REAL_DATA", PROJECT.parent / "shared" / "data"))
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
OPERATIONS = tuple(Training().augment[1])


@measures
def train_step_vs_bare(folder: Path) -> dict[str, Figure]:
    """A small network on crops of 224: ten steps of our loop, with a look at two patches at the end, against ten bare ones."""
    network = Network(backbone="mobilenetv2_100", weights="none", aspp_channels=64)
    schedule = Schedule(iterations=10, batch=8, crop=224, batch_norm="trained", evaluate_every=10, evaluate_at_most=1)
    ours, bare = _steps(network, TrainConfig(_patches(folder, 64, schedule.crop), schedule, OPERATIONS, (0, 1)))
    value = ratio(ours, bare, pairs=3)
    what = "a training step with data loading, augmentation, checks and evaluation, MobileNetV2, 8 crops of 224"
    return {"train_step_vs_bare": Figure(value, "ratio", what, "forward, backward and step on a tensor already there")}


@measures
def train_on_gpu(folder: Path) -> dict[str, Figure]:
    """The paper's network at 480 in bfloat16, batches of 8 and 32; nothing is measured without a GPU."""
    found: dict[str, Figure] = {}
    for batch in (8, 32) if DEVICE.type == "cuda" else ():
        schedule = Schedule(iterations=30, batch=batch, evaluate_every=30, evaluate_at_most=1)
        config = TrainConfig(_patches(folder, 2 * batch, schedule.crop), schedule, OPERATIONS, (0, 1))
        ours, bare = _steps(Network(weights="none"), config)
        what = f"Xception-71, 480 x 480, batch {batch}, bfloat16, {torch.cuda.get_device_name()}"
        share = ratio(ours, bare, pairs=3)
        speed = schedule.iterations * batch / statistics.median(seconds(ours) for _ in range(3))
        found[f"gpu_train_step_vs_bare_{batch}"] = Figure(share, "ratio", what, "the bare step")
        found[f"gpu_images_per_s_{batch}"] = Figure(speed, "images/s", what, "none")
    return found


def _steps(network: Network, config: TrainConfig) -> tuple:
    """Return our training and as many bare steps, as functions."""
    learner, net = (build(network, seed=1).to(DEVICE, memory_format=torch.channels_last) for _ in range(2))
    optimizer, schedule = build_optimizer(net, config.schedule), config.schedule
    shape = schedule.batch, 3, schedule.crop, schedule.crop
    images = torch.randint(0, 256, shape, dtype=torch.uint8).to(DEVICE, memory_format=torch.channels_last)
    labels = torch.randint(0, 2, (shape[0], *shape[2:])).to(DEVICE)

    def bare() -> float:
        net.train()
        for _ in range(schedule.iterations):
            with autocast(DEVICE):
                logits = net(images)
            optimizer.zero_grad(set_to_none=True)
            loss = cross_entropy(logits.float(), labels, ignore_index=255)
            loss.backward()
            optimizer.step()
        return loss.item()

    return lambda: fit(learner, config), bare


def _patches(folder: Path, count: int, side: int) -> TrainingData:
    """Return training patches with a landform on every other, and one to validate with."""
    random = np.random.default_rng(0)
    patches = random.integers(0, 256, (count + 1, side, side, 4), dtype=np.uint8)
    patches[..., 3] = 0
    patches[::2, side // 4 : side // 2, side // 4 : side // 2, 3] = 1
    np.save(folder / f"{side}.npy", patches)
    sides = ["training"] * count + ["validation"]
    rows = {"tile": "A", "row": range(count + 1), "height": side, "width": side, "group": "g", "side": sides}
    ground = [box(number, 0, number + 0.5, 1) for number in range(count + 1)]
    write_layers(folder / "split.gpkg", {"split": gpd.GeoDataFrame(rows, geometry=ground, crs="EPSG:4326")})
    return read_data([folder / f"{side}.npy"], ["A"], folder / "split.gpkg", [])


@measures
def everest(folder: Path, iterations: int = 400) -> dict[str, Figure]:
    """Validation IoU of glaciers on the grouped split, ours and theirs; nothing is measured where the real data is not."""
    data = REAL_DATA / "everest_glaciers"
    if not data.is_dir():
        return {}
    region = _everest(data, iterations)
    config = TrainConfig(
        _prepared(folder, region), region.training.schedule, tuple(region.training.augment[0]), (region.seed, 1)
    )
    what = f"validation IoU of glaciers, grouped split, MobileNetV2 with random weights, {iterations} steps of 8 crops of 128"
    other = "segmentation_models_pytorch's DeepLabV3Plus, the same data, steps and seed"
    began = time.monotonic()
    ours = _iou(build(region.training.network, seed=seed_of(*config.seeds)), config)
    minutes = (time.monotonic() - began) / 60
    background, glacier = config.data.validation_pixels.sum(0)
    return {
        "everest_iou_of_all": Figure(glacier / (background + glacier), "IoU", "every validation pixel called glacier", "everest_iou"),
        "everest_iou": Figure(ours, "IoU", what, other),
        "everest_minutes": Figure(minutes, "min", f"training and its looks, {what}", "20 on two cores"),
        "everest_iou_smp": Figure(_iou(Theirs(region.training.network, seed_of(*config.seeds)), config), "IoU", what, "everest_iou"),
    }  # fmt: skip


class Theirs(nn.Module):
    """The other DeepLabv3+ on the same backbone and of the same width, fed as ours."""

    def __init__(self, network: Network, seed: int) -> None:
        super().__init__()
        import segmentation_models_pytorch as smp

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = smp.DeepLabV3Plus(
                f"tu-{network.backbone}",
                encoder_weights=None,
                encoder_output_stride=network.output_stride,
                decoder_channels=network.aspp_channels,
                classes=2,
            )

    def forward(self, images: Tensor) -> Tensor:
        return self.net(normalise(images))


def _iou(network: nn.Module, config: TrainConfig) -> float:
    return round_record(config, fit(network, config), [])["validation_iou"]["landform"]


def _everest(data: Path, iterations: int) -> Region:
    config = yaml.safe_load((PROJECT / "tests/real/everest.yaml").read_text())
    config["imagery"]["tiles"] = {"everest": [str(data / name) for name in config["imagery"]["tiles"]["everest"]]}
    for outlines in config["labels"]["positives"]:
        outlines["path"] = str(data / outlines["path"])
    config["training"]["schedule"] |= {"iterations": iterations, "evaluate_every": max(1, iterations // 4)}
    return parse(config)


def _prepared(folder: Path, region: Region) -> TrainingData:
    """Run the verbs from the outlines to the split, and open what they made."""
    store, label, polygons = Store(folder / "store"), folder / "label.tif", folder / "polygons.gpkg"
    patches, footprints, split = folder / "everest.npy", folder / "footprints.gpkg", folder / "split.gpkg"
    image, sources = Path(region.imagery.tiles["everest"][0]), region.labels.positives  # 8-bit RGB as it is
    given = {"positives": [source.path for source in sources], "negatives": [], "images": [image], "tiles": ["everest"]}
    stage.run("clean_labels", given | {"polygons": polygons}, region, store)
    stage.run("rasterize_labels", {"image": image, "polygons": polygons, "label": label}, region, store)
    given = {"image": image, "label": label, "polygons": polygons, "patches": patches, "footprints": footprints}
    stage.run("crop_patches", given | {"tile": "everest"}, region, store)
    given = {"footprints": [footprints], "split": split, "leakage": folder / "leakage.json"}
    stage.run("split_patches", given, region, store)
    return read_data([patches], ["everest"], split, [])
