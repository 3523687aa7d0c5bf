"""The world of the store's model: its verbs, the clones of two people, and what each job may have seen."""

from __future__ import annotations

import itertools
import json
import logging
import os
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.faults.simulation import Host, Process, Simulation, install

import lobate
from lobate.cli.log import STAGE_LOGGER
from lobate.engine import ast_cache, code_digest, registry
from lobate.engine.known_calls import PlainCall, link_known
from lobate.io.atomic import TEMPORARY_NAME
from lobate.io.digest import file_digest
from lobate.settings import Region
from lobate.settings.load import parse, resolved_json
from lobate.store.store import Store

HELPER = "def stamp(text):\n    return 'v{}:' + text\n"
VERBS = {
    "join": '''
"""Joins texts, with a checkpoint after the first."""
import os
from pathlib import Path
from typing import Annotated
from lobate.engine.checkpoint_check import check_unchanged
from lobate.engine.signature import Input, Output, Setting

def join(sources: Annotated[list[Path], Input()], result: Annotated[Path, Output()], *, word: str = "",
         seed: Annotated[int, Setting("seed")] = 0) -> None:
    from lobate.model.helper import stamp
    checkpoint = Path(os.environ["LOBATE_SCRATCH"], "first")
    if checkpoint.exists():
        texts = [checkpoint.read_text()]
    else:
        texts = [sources[0].read_text()]
        check_unchanged()
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.with_suffix(".new").write_text(texts[0])
        checkpoint.with_suffix(".new").replace(checkpoint)
    texts += [source.read_text() for source in sources[1:]]
    result.write_text(stamp("+".join(texts) + word + str(seed)))
''',
    "initial": '''
"""Keeps the first letter."""
from pathlib import Path
from typing import Annotated
from lobate.engine.signature import Input, Output

def first(source: Path, target: Path) -> None:
    target.write_text(source.read_text()[:1])

def initial(source: Annotated[Path, Input(view=first)], result: Annotated[Path, Output()]) -> None:
    from lobate.model.helper import stamp
    result.write_text(stamp(source.read_text()))
''',
    "spread": '''
"""Writes a folder, one file of which may have the content of another result."""
from pathlib import Path
from typing import Annotated
from lobate.engine.signature import Input, Output

def spread(source: Annotated[Path, Input()], result: Annotated[Path, Output()]) -> None:
    from lobate.model.helper import stamp
    (result / "deep").mkdir(parents=True)
    (result / "same").write_text(source.read_text())
    (result / "deep" / "other").write_text(stamp(source.read_text()))
''',
}
BROUGHT = ("alpha", "aloha", "bravo", "b")
"""Contents of brought files: some have the same view, some the same size."""
Files = dict[str, str]
"""Relative name -> text of each file of a result; "" for a plain file."""


def expected(verb: str, texts: list[str], version: int, word: str = "", seed: int = 0) -> Files:
    """Return what a verb makes, by a second way."""
    stamp = f"v{version}:"
    if verb == "join":
        return {"": f"{stamp}{'+'.join(texts)}{word}{seed}"}
    if verb == "initial":
        return {"": stamp + texts[0][:1]}
    return {"same": texts[0], "deep/other": stamp + texts[0]}


@dataclass(frozen=True)
class Call:
    """A call of a verb in a clone: names of its inputs and of its result, and its scalar."""

    verb: str
    sources: tuple[str, ...]
    result: str
    word: str = ""


CALLS = (
    Call("join", ("a", "b"), "results/ab"),
    Call("join", ("a", "b"), "results/ab", "!"),
    Call("join", ("b",), "results/more/b"),
    Call("initial", ("a",), "results/initial"),
    Call("spread", ("results/ab",), "results/folder"),
    Call("join", ("results/initial", "results/more/b"), "results/more/last"),
)


@dataclass
class Clone:
    """A person's folder on a host: where it lies in truth, and which result each call left there."""

    host: Host
    disk: Path
    made: dict[str, tuple[Files, str]] = field(default_factory=dict)
    """Result -> its files and its key, while nobody has changed it."""
    edited: set[str] = field(default_factory=set)
    """Results that somebody, or a failing disk, has changed."""

    def usable(self) -> set[str]:
        """Return the files that Snakemake takes for complete."""
        return {"a", "b", *self.made, *self.edited}

    def text(self, name: str) -> str | None:
        """Return the text of a file; None where there is none."""
        try:
            return (self.disk / name).read_text()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def files(self, name: str) -> Files:
        """Return the files of a result."""
        path = self.disk / name
        if path.is_dir():
            return {one.relative_to(path).as_posix(): one.read_text() for one in path.rglob("*") if one.is_file()}
        text = self.text(name)
        return {} if text is None else {"": text}


@dataclass
class Job:
    """A process that runs a call, and all that it may have seen since it began."""

    clone: Clone
    call: Call
    seed: int
    texts: list[list[str]]
    versions: list[int]
    refused: bool
    """Whether an input is a result that somebody has edited."""
    alone: bool
    """Whether no other process was there when it began."""
    known: bool = False
    strays: set[str] = field(default_factory=set)
    disturbed: bool = False
    harmed: bool = False
    process: Process = field(init=False)

    def identity(self) -> Any:
        """Return all that a key may depend on."""
        texts = [texts[0][:1] if self.call.verb == "initial" else texts[0] for texts in self.texts]
        return self.call, tuple(texts), self.versions[0], self.seed if self.call.verb == "join" else 0

    def expected(self) -> list[Files]:
        """Return what it may make: each input and the code may be as at any moment since it began."""
        return [
            expected(self.call.verb, [*texts], version, self.call.word, self.seed)
            for version in self.versions
            for texts in itertools.product(*self.texts)
        ]


def write_code(version: int) -> None:
    """Write a version of the module that all verbs import."""
    new = Simulation.root / "model/new"
    new.write_text(HELPER.format(version))
    new.replace(Simulation.root / "model/helper.py")


def forget_code() -> None:
    """Import the verbs anew, as a new process does."""
    for name in [name for name in sys.modules if name.startswith("lobate.model")]:
        del sys.modules[name]


def code_digests() -> dict[str, str]:
    """Return the digest of the code of each verb."""
    return {verb: code_digest.code_digest(frozenset({f"lobate.model.{verb}"})) for verb in VERBS}


def strays(folder: Path, host: Host) -> set[str]:
    """Return the temporary names that ended processes of a host have left in a folder."""
    names = [path.name for path in folder.glob(".*.new")]
    owners = [(name, TEMPORARY_NAME.fullmatch(name)) for name in names]
    alive = {process.ticks for process in host.alive()}
    return {
        name for name, owner in owners if owner and owner["machine"] == host.machine and owner["ticks"] not in alive
    }


def overwrite(path: Path, text: str, how: str) -> None:
    """Write a file in place, or replace it; its time stamps differ afterwards, however coarse the file system's clock."""
    before = path.stat()
    if how == "replace":
        path.with_name("new").write_text(text)
        path.with_name("new").replace(path)
        return
    path.chmod(0o644)
    while path.stat().st_ctime_ns == before.st_ctime_ns or path.read_text() != text:
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def files_in(store: Store, *folders: str) -> list[Path]:
    """Return the files under the names of objects or records, in order."""
    return [path for name in folders for path in sorted((store.root / name).glob("??/[0-9a-f]*"))]


def damaged_objects(store: Store) -> list[str]:
    """Return the digests of the objects in their places that are damaged."""
    return sorted(path.name for path in files_in(store, "objects") if file_digest(path) != path.name)


def is_whole(store: Store, key: str) -> bool:
    """Whether a record and its objects are in the store or put aside, and the objects intact."""
    record = in_place_or_aside(store, store.recipe_path(key), f"{key}.json")
    if record is None:
        return False
    families = json.loads(record.read_text())["outputs"]["result"]
    digests = [digest for files in families for digest in files.values()]
    places = [in_place_or_aside(store, store.object_path(digest), digest) for digest in digests]
    return all(path and file_digest(path) == digest for path, digest in zip(places, digests, strict=True))


def in_place_or_aside(store: Store, path: Path, name: str) -> Path | None:
    """Return where an object or a record is: in its place, or put aside under a name."""
    places = [path, *sorted((store.root / "aside").glob(f"*/{name}"))]
    return next((place for place in places if place.exists()), None)


CODE: dict[tuple[str, str], int] = {}
"""Digest of a verb's code and its name -> version of the code."""
VERSIONS = (1, 2, 3)
RESULTS = sorted({call.result for call in CALLS})


@pytest.fixture
def model_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of links to the real one and of the model's verbs, which code digests are made of."""
    root = tmp_path / "package"
    (root / "model").mkdir(parents=True)
    for path in Path(lobate.__file__).parent.iterdir():
        if path.name != "__pycache__":
            (root / path.name).symlink_to(path)
    (root / "model/__init__.py").write_text('"""Verbs of the model."""\n')
    for verb, text in VERBS.items():
        (root / f"model/{verb}.py").write_text(text)
        monkeypatch.setitem(registry.ROOM_OF, verb, "model")
    monkeypatch.setattr(ast_cache, "ROOT", root)
    monkeypatch.setattr(lobate, "__path__", [*lobate.__path__, str(root)])
    Simulation.root = root
    write_code(1)
    install(monkeypatch, root)


@cache
def settings_of(seed: int) -> Region:
    """Return settings with a seed, which is all that the model's verbs read."""
    least = {"region": "r", "imagery": {"tiles": {"T": ["a.tif"]}}, "labels": {"positives": ["p.gpkg"]}}
    return parse(least | {"seed": seed})


def settings_file(seed: int) -> Path:
    """Return a file of these settings, as the workflow writes it for its jobs."""
    path = Simulation.root / f"settings_{seed}.json"
    if not path.exists():
        path.write_text(resolved_json(settings_of(seed)))
    return path


def command(call: Call, settings: Path, root: str) -> str | None:
    """Do what the command line does before it runs a stage: link the outputs if the key of this call is known."""
    values = {"sources" if call.verb == "join" else "source": [*call.sources], "result": [call.result]}
    values |= {"word": [call.word]} if call.verb == "join" else {}
    key = link_known(PlainCall(call.verb, values, [str(settings)] * (call.verb == "join"), None), Store(root))
    if key:
        logging.getLogger(STAGE_LOGGER).info("restored %s %s", call.verb, key)
    return key
