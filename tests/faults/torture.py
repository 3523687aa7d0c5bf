"""Kill -9 at random moments, as often as wanted: `python -m tests.faults.torture --times 50 --seed 0`.

Training, prediction and Snakemake itself are killed, alone or with all their children, and run again. What they end
with must be, byte for byte, what an undisturbed run at the same cores made. The store must be whole, and no stray file may
be left in it or beside the results. The seed fixes who is killed and when; the machine's own pace decides what that hits,
so no two runs of this are quite alike.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chain.clone import Clone
from tests.conftest import PROJECT
from tests.faults.bench import Bench, contents, kill_group, timed

from lobate.engine.job_records import RUN_ID
from lobate.io.digest import SNAKEMAKE_TIMESTAMP
from lobate.store.clones import IDENTITY

HIDDEN_FILES = (SNAKEMAKE_TIMESTAMP, RUN_ID, IDENTITY)
"""Names of hidden files that belong to results: the times of folders, the last run, the clone's identity."""

IDENTITY_FILE = re.compile(r"\d+\.\d+")

BEGAN = time.monotonic()
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

    def torment(self, verb: str, dice: random.Random, name: str) -> tuple[int, str]:
        """Kill a verb one to three times, let it end, and insist on the result; return how often it was hit, and what to tell."""
        words, store, out = self.bench.words(verb, name), f"{name}.store", self.bench.folder / name
        moments = [dice.uniform(0, 1.1 * self.length[verb]) for _ in range(dice.randint(1, 3))]
        hits = [moment for moment in moments if self.bench.killed(*words, after=moment, store=store)]
        when = f"{verb} killed after {', '.join(f'{hit:.1f}' for hit in hits)} s" if hits else f"{verb} was quicker"
        status, report = self.bench.run(*words, store=store)
        insist(status == 0, f"{when}, and did not end well when run again:\n{report}")
        insist_alike(contents(out), self.calm[verb], when)
        insist_whole(lambda command: self.bench.run("store", command, store=store), when)
        insist_tidy(out, self.bench.folder / store, when)
        shutil.rmtree(out)
        shutil.rmtree(self.bench.folder / store)
        return len(hits), f"{when} of {self.length[verb]:.1f} s; run again: the same bytes"


@dataclass
class Chain:
    """The tiny region, killed over and over until it is done; then compared, and begun afresh."""

    folder: Path
    number: int = 0
    kills: int = 0
    calm: dict[str, str] = field(default_factory=dict)
    length: float = 0
    orphaned: list[int] = field(default_factory=list)
    """Process groups whose jobs go on without the Snakemake that was killed."""

    def measure(self) -> None:
        began = time.monotonic()
        clone = self.fresh("calm")
        done = clone.run()
        insist(done.status == 0, done.text)
        self.length, self.calm = time.monotonic() - began, contents(clone.results)
        self.clone = self.fresh("0")

    def fresh(self, name: str) -> Clone:
        return Clone(self.folder / name / "clone", PROJECT, self.folder / name / "store")

    def torment(self, dice: random.Random) -> tuple[int, str]:
        """Run for a while and kill; return how often it was hit (not where it came to its end before), and what to tell."""
        process = self.clone.start()
        everyone, moment = dice.random() < 0.5, dice.uniform(0, self.length / 2)
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            if everyone:
                kill_group(process)
            else:
                process.kill()
                process.wait()
                self.orphaned.append(process.pid)
            self.clone.run("--unlock")
            self.kills += 1
            return 1, f"snakemake killed after {moment:.1f} s, {'with all its jobs' if everyone else 'alone'}"
        return 0, self.compare()

    def compare(self) -> str:
        """Let the chain end, insist on its results, and begin another; return what to tell."""
        when = f"snakemake was killed {self.kills} times"
        done = self.clone.run()
        insist(done.status == 0, done.text)
        wait_for(self.orphaned)
        insist_alike(contents(self.clone.results), self.calm, when)
        insist_whole(self.store_command, when)
        insist_tidy(self.clone.folder / "results", self.clone.store, when)
        report = f"the chain, killed {self.kills} times, came to its end: {len(self.calm)} results, the same bytes"
        shutil.rmtree(self.clone.folder.parent)
        self.kills = 0
        self.number += 1
        self.clone = self.fresh(str(self.number))
        return report

    def store_command(self, command: str) -> tuple[int, str]:
        done = self.clone.lobate("store", command)
        return done.returncode, done.stdout + done.stderr


def wait_for(groups: list[int]) -> None:
    """Wait until all processes of these groups have ended."""
    while groups:
        try:
            os.killpg(groups[-1], 0)
            time.sleep(0.1)
        except ProcessLookupError:
            groups.pop()


def insist(holds: bool, otherwise: str) -> None:
    """End the torture where something does not hold."""
    if not holds:
        raise SystemExit(f"FAILED: {otherwise}")


def insist_alike(made: dict[str, str], calm: dict[str, str], after: str) -> None:
    """Insist on the files and bytes of an undisturbed run."""
    other = sorted(name for name in made.keys() | calm.keys() if made.get(name) != calm.get(name))
    insist(not other, f"{after}, and what was made then is not what an undisturbed run makes: {', '.join(other)}")


def insist_whole(store_command: Callable[[str], tuple[int, str]], after: str) -> None:
    """Insist that a store has no damaged object, and that it can be collected."""
    for command in ("verify", "gc"):
        status, report = store_command(command)
        insist(status == 0, f"{after}; lobate store {command}: {report}")


def insist_tidy(results: Path, store: Path, after: str) -> None:
    """Insist that nothing of the killed processes is left beside the results or in the collected store."""
    left = strays(results, store)
    insist(not left, f"{after}, and left {', '.join(map(str, left))}")


def strays(results: Path, store: Path) -> list[Path]:
    """Return hidden files beside results, and a store's unfinished files, folders of jobs, batches and checkpoints."""
    hidden = [
        path for path in results.rglob(".*") if path.name not in HIDDEN_FILES and store not in (path, *path.parents)
    ]
    unfinished = [
        *store.rglob("*.new"),
        *(path for path in results.rglob(f"{IDENTITY}/*") if not IDENTITY_FILE.fullmatch(path.name)),
        *(path for name in ("work", "aside", "scratch") for path in store.glob(f"{name}/*")),
    ]
    return sorted(hidden + unfinished)


def main() -> None:
    """Torture as the command line says."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--times", type=int, default=50, help="how often somebody is killed")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--victims", nargs="+", choices=sorted(set(VICTIMS)), default=VICTIMS)
    given = asked.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="lobate-torture-"))
    tell(f"seed {given.seed}, {given.times} kills, in {scratch}, which is kept if anything goes wrong")
    torture(scratch, given.times, random.Random(given.seed), given.victims)
    shutil.rmtree(scratch)


def torture(folder: Path, times: int, dice: random.Random, victims: tuple[str, ...]) -> None:
    """Kill until ``times`` kills have hit somebody at work."""
    (folder / "bench").mkdir()
    stages, chain = Stages(Bench(folder / "bench").fill()), Chain(folder / "chain")
    stages.measure()
    tell("undisturbed: " + ", ".join(f"{verb} {seconds:.1f} s" for verb, seconds in stages.length.items()))
    if "snakemake" in victims:
        chain.measure()
        tell(f"undisturbed: snakemake {chain.length:.0f} s")
    hits = tries = 0
    while hits < times:
        victim, tries = dice.choice(victims), tries + 1
        hit, report = (
            chain.torment(dice) if victim == "snakemake" else stages.torment(victim, dice, f"{victim}_{tries}")
        )
        hits += hit
        tell(f"{hits} of {times}: {report}")
    if chain.kills:
        tell(chain.compare())
    tell(f"{hits} kills in {tries} runs: every result is byte for byte what an undisturbed run made")


def tell(what: str) -> None:
    """Print a line, with the minutes since the beginning."""
    print(f"{(time.monotonic() - BEGAN) / 60:5.1f} min  {what}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
