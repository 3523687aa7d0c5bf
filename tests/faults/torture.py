"""Kill -9 at random moments, as often as wanted: `python -m tests.faults.torture --times 50 --seed 0`.

Training, prediction and Snakemake itself are killed, alone or with all their children, and run again. What they end
with must be, byte for byte, what an undisturbed run made, and the store must be whole. The seed fixes who is killed and
when; the machine's own pace decides what that hits, so no two runs of this are quite alike.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chain.clone import Clone
from tests.conftest import PROJECT
from tests.faults.bench import Bench, contents, kill_group, timed

VICTIMS = ("train", "train", "predict", "predict", "snakemake")


@dataclass
class Stages:
    """Training and prediction on the bench, and what they make undisturbed."""

    bench: Bench
    calm: dict[str, dict[str, str]] = field(default_factory=dict)
    length: dict[str, float] = field(default_factory=dict)

    def measure(self) -> None:
        for verb, out in (("train", "trained"), ("predict", "predicted")):
            self.length[verb] = timed(self.bench, verb, out, "store")
            self.calm[verb] = contents(self.bench.folder / out)

    def torment(self, verb: str, dice: random.Random, name: str) -> int:
        """Kill a verb one to three times, let it end, and insist on the result; return how often it was hit."""
        words, store, out = self.bench.words(verb, name), f"{name}.store", self.bench.folder / name
        moments = [dice.uniform(0, 1.1 * self.length[verb]) for _ in range(dice.randint(1, 3))]
        hit = sum(self.bench.killed(*words, after=moment, store=store) for moment in moments)
        status, told = self.bench.run(*words, store=store)
        insist(status == 0, f"{verb} did not end well after kills at {moments}:\n{told}")
        insist(contents(out) == self.calm[verb], f"{verb} ended with other bytes after kills at {moments}")
        insist_whole(self.bench, store)
        shutil.rmtree(out)
        shutil.rmtree(self.bench.folder / store)
        return hit


@dataclass
class Chain:
    """The tiny region, killed over and over until it is done; then compared, and begun afresh."""

    folder: Path
    number: int = 0
    calm: dict[str, str] = field(default_factory=dict)
    length: float = 0

    def measure(self) -> None:
        began = time.monotonic()
        clone = self.fresh("calm")
        done = clone.run()
        insist(done.status == 0, done.text)
        self.length, self.calm = time.monotonic() - began, contents(clone.results)
        self.clone = self.fresh("0")

    def fresh(self, name: str) -> Clone:
        return Clone(self.folder / name / "clone", PROJECT, self.folder / name / "store")

    def torment(self, dice: random.Random) -> int:
        """Run for a while and kill; return 1, or 0 where the chain came to its end before."""
        process = self.clone.start()
        everyone = dice.random() < 0.5
        try:
            process.communicate(timeout=dice.uniform(0, self.length / 2))
        except subprocess.TimeoutExpired:
            if everyone:
                kill_group(process)
            else:
                process.kill()
                process.wait()
            self.clone.run("--unlock")
            return 1
        self.compare()
        return 0

    def compare(self) -> None:
        """Let the chain end, insist on its results, and begin another."""
        done = self.clone.run()
        insist(done.status == 0, done.text)
        insist(contents(self.clone.results) == self.calm, "the chain ended with other bytes")
        insist(self.clone.lobate("store", "verify").returncode == 0, "the store is not whole")
        shutil.rmtree(self.clone.folder.parent)
        self.number += 1
        self.clone = self.fresh(str(self.number))


def insist(holds: bool, otherwise: str) -> None:
    """End the torture where something does not hold."""
    if not holds:
        raise SystemExit(f"FAILED: {otherwise}")


def insist_whole(bench: Bench, store: str) -> None:
    """Insist that a store has no damaged object, and that collecting leaves nothing of the jobs that died."""
    for command in ("verify", "gc"):
        status, told = bench.run("store", command, store=store)
        insist(status == 0, f"lobate store {command}: {told}")
    insist(not any((bench.folder / store / "work").iterdir()), "a dead job's folder was left")


def main() -> None:
    """Torture as the command line says."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--times", type=int, default=50, help="how often somebody is killed")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--victims", nargs="+", choices=sorted(set(VICTIMS)), default=VICTIMS)
    given = asked.parse_args()
    dice = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="lobate-torture-") as scratch:
        torture(Path(scratch), given.times, dice, given.victims)


def torture(folder: Path, times: int, dice: random.Random, victims: tuple[str, ...]) -> None:
    """Kill until ``times`` kills have hit somebody at work."""
    (folder / "bench").mkdir()
    stages, chain = Stages(Bench(folder / "bench").fill()), Chain(folder / "chain")
    stages.measure()
    if "snakemake" in victims:
        chain.measure()
    hits = tries = 0
    while hits < times:
        victim, tries = dice.choice(victims), tries + 1
        hits += chain.torment(dice) if victim == "snakemake" else stages.torment(victim, dice, f"{victim}_{tries}")
        print(f"{hits} kills, last of {victim}: the same bytes", flush=True)
    if "snakemake" in victims:
        chain.compare()
    print(f"{hits} kills in {tries} runs: every result is byte for byte what an undisturbed run made")


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
