"""The store's promise against any order of events: what is restored equals what would be computed.

Hypothesis draws jobs, kills, reboots, collections, verifications, edits and damage, on hosts that share a store. The real
store and the real stages run, with small verbs, in the simulated processes of `tests/faults/simulation.py`. The examples are
the same each time, unless LOBATE_MODEL asks for a number of new ones (`make torture` asks for a thousand).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from tests.faults.bench import damage
from tests.faults.model_world import (
    BROUGHT,
    CALLS,
    CODE,
    RESULTS,
    VERSIONS,
    Call,
    Clone,
    Job,
    code_digests,
    command,
    damaged_objects,
    expected,
    files_in,
    forget_code,
    in_place_or_aside,
    is_whole,
    overwrite,
    settings_file,
    settings_of,
    strays,
    write_code,
)
from tests.faults.simulation import Host, Killed, Process, Simulation

from lobate.engine import stage
from lobate.errors import UserError
from lobate.io.digest import content_digest, text_digest
from lobate.store.gc import collect
from lobate.store.store import Store
from lobate.store.verify import verify

NUMBERS = st.integers(0, 1)
STEPS = st.one_of(st.none(), st.integers(0, 120), st.integers(40, 112))
"""Steps of a process, None for all: of about 115, a job reads its inputs from the 40th on, and publishes from the 70th on."""


class StoreModel(RuleBasedStateMachine):
    """Two hosts, a clone on each, one store; rules are what happens to them."""

    folders: Iterator[Path]
    same_path = False
    """Whether the clones have one path, on disks of their own that the other host does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = next(self.folders)
        self.store = Store(self.folder / "store")
        self.simulation = Simulation()
        self.clones: list[Clone] = []
        self.jobs: list[Job] = []
        self.others: list[tuple[Process, Callable[[Process], None]]] = []
        self.keys: dict[Any, str] = {}
        self.texts: dict[str, str] = {}
        self.harmed: set[str] = set()
        self.checked: set[tuple[str, int]] = set()
        self.version = 1

    @initialize(names=st.sampled_from([("alpha", "beta"), ("alpha", "alpha")]), links=st.tuples(*[st.booleans()] * 2))
    def begin(self, names: tuple[str, str], links: tuple[bool, bool]) -> None:
        """Two clones with the files that somebody brought."""
        write_code(1)
        for number, name in enumerate(names):
            disk = self.folder / f"disk{number}"
            (disk / "clone").mkdir(parents=True)
            host = Host(name, number, disk, links=links[number])
            host.cwd = Simulation.mount / "clone" if self.same_path else disk / "clone"
            self.simulation.hosts.append(host)
            clone = Clone(host, disk / "clone")
            self.clones.append(clone)
            for source in ("a", "b"):
                (clone.disk / source).write_text(self.known_text("alpha"))
        if not CODE:
            for version in VERSIONS:
                write_code(version)
                CODE.update({(digest, verb): version for verb, digest in self.run(code_digests).items()})
            write_code(1)

    def known_text(self, text: str) -> str:
        """Remember a text by its digest, and by that of its first letter."""
        for part in (text, text[:1]):
            self.texts[text_digest(part)] = part
        return text

    def run(self, body: Callable[[], Any], number: int = 0) -> Any:
        """Return what a function gives in a process of its own."""
        process = self.simulation.start(self.clones[number].host, body)
        process.advance()
        if process.error:
            raise process.error
        return process.result

    # jobs

    @rule(
        number=NUMBERS,
        call=st.sampled_from(CALLS),
        seed=st.integers(0, 1),
        steps=STEPS,
        removes=st.booleans(),
        quick=st.booleans(),
    )
    def start_job(self, number: int, call: Call, seed: int, steps: int | None, removes: bool, quick: bool) -> None:
        """Run a call to its end, or as far as some steps go; Snakemake removes its result before.

        ``quick``: as the command line does, which links the outputs of a known call without running a stage.
        """
        clone = self.clones[number]
        now = [clone.text(name) for name in call.sources]
        if None in now or self.is_busy(clone, call) or any(name not in clone.usable() for name in call.sources):
            return
        if removes:
            self.remove_file(clone, call.result)
        clone.made.pop(call.result, None)
        clone.edited.discard(call.result)
        arguments = {
            "sources" if call.verb == "join" else "source": [Path(name) for name in call.sources],
            "result": Path(call.result),
            "word": call.word,
        }
        texts = [[text] for text in now if text is not None]
        refused = any(self.is_refused(number, name) for name in call.sources)
        job = Job(clone, call, seed, texts, [self.version], refused, not self.simulation.alive())
        key = self.keys.get(job.identity())
        job.known = key is not None and key not in self.harmed and is_whole(self.store, key)
        job.strays = strays(clone.disk / Path(call.result).parent, clone.host)
        region, settings = settings_of(seed), settings_file(seed)
        root = str(self.store.root)

        def run() -> str:
            forget_code()
            return (quick and command(call, settings, root)) or stage.run(call.verb, arguments, region, Store(root))

        job.process = self.simulation.start(clone.host, run)
        self.jobs.append(job)
        self.go_on(job.process, steps)

    def is_busy(self, clone: Clone, call: Call) -> bool:
        """Whether Snakemake would wait: a running job of this clone makes or reads one of the call's files."""
        busy = [job.call for job in self.jobs if job.clone is clone]
        return any(call.result in (other.result, *other.sources) or other.result in call.sources for other in busy)

    def is_refused(self, number: int, name: str) -> bool:
        """Whether a file is a result of the store that has other content now."""
        clone = self.clones[number]
        if name in ("a", "b"):
            return False
        noted = self.run(lambda: self.store.linked_digest(Path(name)), number)
        return noted not in (None, content_digest(clone.disk / name))

    @rule(number=st.integers(0, 5), steps=STEPS)
    @precondition(lambda self: self.simulation.alive())
    def go_on_with(self, number: int, steps: int | None) -> None:
        """Let one of the stopped processes go on."""
        processes = self.simulation.alive()
        self.go_on(processes[number % len(processes)], steps)

    def go_on(self, process: Process, steps: int | None) -> None:
        """Let a process go on, and judge it at its end."""
        process.advance(steps)
        for job in [job for job in self.jobs if not job.process.is_alive()]:
            self.jobs.remove(job)
            self.judge(job)
        for other in [other for other in self.others if not other[0].is_alive()]:
            self.others.remove(other)
            other[1](other[0])

    def judge(self, job: Job) -> None:
        """Compare what a job made with what it should have made."""
        process, clone, call = job.process, job.clone, job.call
        if process.killed:
            return
        if isinstance(process.error, UserError):
            assert job.disturbed or job.refused, "a job failed for no reason" + str(process.error)
            return
        if process.error:
            raise process.error
        assert not job.refused or job.disturbed, "an edited result was read"
        made = clone.files(call.result)
        if made not in job.expected():
            assert job.harmed, f"{call} made {made}, not {job.expected()}"
            clone.edited.add(call.result)
            return
        for text in made.values():
            self.known_text(text)
        clone.made[call.result] = made, process.result
        assert not job.strays & strays(clone.disk / Path(call.result).parent, clone.host)
        if not job.disturbed:
            noted = self.run(lambda: self.store.linked_digest(Path(call.result)), self.clones.index(clone))
            assert noted == content_digest(clone.disk / call.result)
            assert self.keys.setdefault(job.identity(), process.result) == process.result
            assert f"restored {call.verb} {process.result}" in process.log or not (job.known and job.alone)

    @rule(number=st.integers(0, 5))
    @precondition(lambda self: self.simulation.alive())
    def kill(self, number: int) -> None:
        """Kill -9."""
        processes = self.simulation.alive()
        self.kill_process(processes[number % len(processes)])

    def kill_process(self, process: Process) -> None:
        process.kill()
        assert isinstance(process.error, Killed)
        self.jobs = [job for job in self.jobs if job.process is not process]
        self.others = [other for other in self.others if other[0] is not process]

    @rule(number=NUMBERS)
    def cut_power(self, number: int) -> None:
        """A host boots anew."""
        host = self.clones[number].host
        for process in host.alive():
            self.kill_process(process)
        self.simulation.reboot(host)

    @rule(number=NUMBERS, skew_s=st.sampled_from([-1e6, -1.0, 0.0, 1.0, 1e6]))
    def set_clock(self, number: int, skew_s: float) -> None:
        """A host's clock goes wrong."""
        self.clones[number].host.skew_s = skew_s

    # the store's own commands

    @rule(number=NUMBERS, steps=STEPS)
    def start_gc(self, number: int, steps: int | None) -> None:
        """Collect on a host."""
        self.collect(number, steps, [])

    @rule(number=NUMBERS, other=NUMBERS)
    def abandon(self, number: int, other: int) -> None:
        """Collect, and name a host that runs nothing."""
        name = self.clones[other].host.name
        if not [process for process in self.simulation.alive() if process.host.name == name]:
            self.collect(number, None, [name])

    def collect(self, number: int, steps: int | None, abandoned: list[str]) -> None:
        root, host, alone = str(self.store.root), self.clones[number].host, not self.simulation.alive()

        def judge(process: Process) -> None:
            if abandoned and "No job of the host" in str(process.error):
                return
            if process.error:
                raise process.error
            self.check_used(number)
            if alone and not self.simulation.alive():
                left = [path.name for path in (self.store.root / "work").glob("*")]
                assert not [name for name in left if f"@{host.machine}." in name]
                assert left or not [*(self.store.root / "aside").glob("*")]

        process = self.simulation.start(host, lambda: collect(Store(root), abandoned=abandoned))
        self.others.append((process, judge))
        self.go_on(process, steps)

    def check_used(self, number: int) -> None:
        """What a result of any clone was made from is in the store."""
        for clone in self.clones:
            for made, key in clone.made.values():
                digests = {text_digest(text) for text in made.values()}
                if not digests & self.harmed and key not in self.harmed:
                    assert is_whole(self.store, key), f"a collection dropped what {clone.disk} uses"

    @rule(number=NUMBERS, steps=STEPS)
    def start_verify(self, number: int, steps: int | None) -> None:
        """Verify on a host."""
        root, damaged = str(self.store.root), damaged_objects(self.store)
        alone = not self.simulation.alive()

        def judge(process: Process) -> None:
            if process.error:
                raise process.error
            if alone and steps is None:
                assert process.result == damaged
                assert not damaged_objects(self.store)

        process = self.simulation.start(self.clones[number].host, lambda: verify(Store(root)))
        self.others.append((process, judge))
        self.go_on(process, steps)

    # what people and disks do

    @rule(
        number=NUMBERS,
        name=st.sampled_from("ab"),
        text=st.sampled_from(BROUGHT),
        how=st.sampled_from(["write", "replace"]),
    )
    def edit_input(self, number: int, name: str, text: str, how: str) -> None:
        """Write over a brought file, or replace it. One that changes and changes back under a job is not noticed."""
        clone = self.clones[number]
        readers = [
            (job, place)
            for job in self.jobs
            if job.clone is clone
            for place, source in enumerate(job.call.sources)
            if source == name
        ]
        if any(text in job.texts[place] for job, place in readers):
            return
        overwrite(clone.disk / name, self.known_text(text), how)
        for job, place in readers:
            job.texts[place].append(text)
            job.disturbed = True

    @rule(number=NUMBERS, name=st.sampled_from("ab"))
    def touch_input(self, number: int, name: str) -> None:
        """Touch a brought file: nothing depends on its time."""
        (self.clones[number].disk / name).touch()

    @rule(version=st.sampled_from([1, 2, 3]))
    def edit_code(self, version: int) -> None:
        """Edit a module that all verbs import."""
        if not any(version in job.versions for job in self.jobs):
            write_code(version)
            self.version = version
            for job in self.jobs:
                job.versions.append(version)
                job.disturbed = True

    @rule(number=NUMBERS, name=st.sampled_from(RESULTS))
    def remove_result(self, number: int, name: str) -> None:
        """Delete a result; no job reads it."""
        clone = self.clones[number]
        if not any(job.clone is clone and name in (job.call.result, *job.call.sources) for job in self.jobs):
            self.remove_file(clone, name)
            clone.made.pop(name, None)
            clone.edited.discard(name)

    def remove_file(self, clone: Clone, name: str) -> None:
        path = clone.disk / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    @rule(number=NUMBERS, name=st.sampled_from(RESULTS), how=st.sampled_from(["write", "replace"]))
    def edit_result(self, number: int, name: str, how: str) -> None:
        """Edit a result by hand. Written in place, it damages the object that it shares its file with."""
        clone = self.clones[number]
        if clone.text(name) is not None and name in clone.made:
            overwrite(clone.disk / name, self.known_text("edited"), how)
            self.find_harm()

    @rule(number=st.integers(0, 30), how=st.sampled_from(["flip", "cut", "remove"]), record=st.booleans())
    def harm(self, number: int, how: str, record: bool) -> None:
        """A bit of an object or a record flips, or its file is cut or lost."""
        files = files_in(self.store, "recipes" if record else "objects")
        if files:
            path = files[number % len(files)]
            self.harmed.add(path.stem)
            size = path.stat().st_size
            if how == "remove":
                path.unlink()
            elif how == "cut":
                os.truncate(path, size // 2)
            elif size:
                damage({path: (number * 37) % size})
            self.find_harm()

    def find_harm(self) -> None:
        """Note which results and running jobs may show a change of files that share their bytes."""
        self.harmed.update(damaged_objects(self.store))
        for job in self.jobs:
            job.disturbed = job.harmed = True
        for clone in self.clones:
            for name in [name for name, (made, _) in clone.made.items() if clone.files(name) != made]:
                del clone.made[name]
                clone.edited.add(name)

    # what always holds

    @invariant()
    def records_are_right(self) -> None:
        """Each record names what its recipe would make: the code, inputs, settings and scalars are those of its key."""
        for path in files_in(self.store, "recipes"):
            status = path.stat()
            if path.stem in self.harmed or (path.name, status.st_ino) in self.checked:
                continue
            self.checked.add((path.name, status.st_ino))
            record = json.loads(path.read_text())
            recipe = record["recipe"]
            texts = [self.texts[digest] for inputs in recipe["inputs"].values() for _, digest in inputs]
            version = CODE[recipe["code"], recipe["stage"]]
            files = expected(recipe["stage"], texts, version, **recipe["scalars"], **recipe["settings"])
            for text in files.values():
                self.known_text(text)
            assert record["outputs"]["result"] == [{name: text_digest(text) for name, text in files.items()}], recipe

    @invariant()
    def records_have_their_objects(self) -> None:
        """No record names an object that is nowhere, unless the disk has lost it."""
        for path in files_in(self.store, "recipes"):
            if path.stem not in self.harmed:
                families = json.loads(path.read_text())["outputs"]["result"]
                digests = {digest for files in families for digest in files.values()} - self.harmed
                assert all(in_place_or_aside(self.store, self.store.object_path(digest), digest) for digest in digests)

    @invariant()
    def published_files_outlast_a_power_cut(self) -> None:
        """An object or a record is on the disk before it has its name."""
        unsafe = [
            path
            for path in Simulation.unsafe
            if path.startswith((f"{self.store.root}/objects", f"{self.store.root}/recipes"))
        ]
        assert not unsafe, unsafe

    def teardown(self) -> None:
        for process in self.simulation.alive():
            process.kill()
        shutil.rmtree(self.folder)
