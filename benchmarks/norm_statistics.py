"""What running statistics of batch norms cost in evaluation: IoU with them, and with statistics taken anew.

`python -m benchmarks.norm_statistics results/demo --protocol other_side --seed 1` trains the example's small network on the
patches of a finished run, for 300 steps at a constant rate, and prints a row at each look. The numbers depend on the
processor, as every training does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from lobate.network.deeplab import build
from lobate.settings.training import Network, Schedule
from lobate.training.datamodule import read_data
from lobate.training.distributed import SINGLE
from lobate.training.loop import TrainConfig, count_pixels, seed_of, train_step
from lobate.training.norm_statistics import fresh_statistics
from lobate.training.schedule import build_optimizer, learning_rate, to_training_mode

NETWORK = Network(backbone="mobilenetv2_050", weights="none", aspp_channels=64, low_level_channels=32)
SCHEDULE = Schedule(
    iterations=300,
    crop=128,
    optimizer="adamw",
    learning_rate=0.02,
    batch_norm="trained",
    class_weights=[1, 2],
    scales=[0.75, 1.0, 1.25],
)
LOOKS = (60, 100, 200, 300)
AT_MOST = 40
"""Training patches in a look."""


def main() -> None:
    """Train, and print a row at each look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of a finished region, such as results/demo")
    parser.add_argument("--protocol", choices=["side", "other_side"], default="side")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    files = sorted(options.results.glob("patches/*.npy"))
    data = read_data(files, [file.stem for file in files], options.results / "patches/split.gpkg", [], options.protocol)
    config = TrainConfig(data, SCHEDULE, ("flip", "rotate"), (options.seed, 1))
    network = build(NETWORK, channels=data.training.channels, seed=seed_of(*config.seeds))
    network = network.to(memory_format=torch.channels_last)
    optimizer, losses = build_optimizer(network, SCHEDULE), []
    print("step  loss of the steps  training IoU, running and anew  validation IoU, running and anew")
    for step in range(SCHEDULE.iterations):
        to_training_mode(network, SCHEDULE)
        torch.manual_seed(seed_of(*config.seeds, step))
        rate = learning_rate(SCHEDULE, step)
        batches = config.micro_batches(step, SINGLE)
        losses.append(float(train_step(network, optimizer, batches, rate, SCHEDULE.class_weights)))
        if step + 1 in LOOKS:
            running = ious(network, config)
            with fresh_statistics(network, SCHEDULE, lambda number: config.batch(number, SINGLE), SINGLE):
                anew = ious(network, config)
            pairs = (f"{old:8.3f} {new:8.3f}" for old, new in zip(running, anew, strict=True))
            print(f"{step + 1:4d}  {np.mean(losses):17.3f}  {'  '.join(f'{pair:>30}' for pair in pairs)}", flush=True)
            losses = []


def ious(network: torch.nn.Module, config: TrainConfig) -> list[float]:
    """Return the landform's IoU on training and validation patches, with the statistics that the network has."""
    sides = config.data.training.subsample(AT_MOST), config.data.validation
    found = (count_pixels(network, side, SCHEDULE.batch).compute().iou["landform"] for side in sides)
    return [value or 0.0 for value in found]


if __name__ == "__main__":
    main()
