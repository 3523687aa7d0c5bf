"""Bad input in any room: one paragraph, exit status 2, nothing written. Every verb gets every kind of garbage."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lobate.cli.main import main
from lobate.engine import registry, signature
from lobate.engine.signature import Input, Output, Setting

SETTINGS = {
    "region": "bad",
    "imagery": {"tiles": {"T": ["in/scenes.tif"]}},
    "labels": {"positives": [{"path": "in/positives.gpkg"}]},
    "inventory": {"others": {"insar": {"path": "in/outlines.gpkg"}}},
}
SUFFIXES = {
    "model": "safetensors", "models": "safetensors", "previous": "safetensors", "weights": "safetensors", "patches": "npy",
    "mined": "npy", "image": "tif", "images": "tif", "scenes": "tif", "label": "tif", "labels": "tif", "dem": "tif",
    "probability": "tif", "probabilities": "tif", "before": "json", "verdict": "json", "verdicts": "json", "metrics": "csv",
    "frozen": "json", "removed": "csv", "rules": "dot", "previous_metrics": "csv", "previous_events": "events", "table": "tsv",
}  # fmt: skip
SCALARS: dict[str, list[str]] = {
    "tile": ["T"], "tiles": ["T"], "round": ["1"], "fold": ["0"], "source": ["insar"], "names": ["insar"], "scene": ["S2A"],
    "standard": ["rgik"],
}  # fmt: skip
GENEROUS_SECONDS = 120
MAKES_FROM_NOTHING = {"make_example"}
KINDS: dict[str, bytes | Callable[[Path], None] | None] = {
    "garbage": b"\x00\xffthis is nothing\n\x80",
    "empty": b"",
    "json": b'{"a": [1, 2]}',
    "absent": None,
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "loop": lambda path: path.symlink_to(path.name),
}


def words_for(verb: str, folder: Path, content: bytes | Callable[[Path], None] | None) -> list[str]:
    words = [verb.replace("_", "-")]
    for parameter in signature.all_parameters(registry.load(verb)).values():
        option = f"--{parameter.name.replace('_', '-')}"
        if parameter.name.startswith("previous"):
            continue  # only what the round before handed on, when it reached the target
        if isinstance(parameter.marker, Input):
            path = folder / "in" / f"{parameter.name}.{SUFFIXES.get(parameter.name, 'gpkg')}"
            path.parent.mkdir(exist_ok=True)
            if callable(content):
                content(path)
            elif content is not None:
                path.write_bytes(content)
            words += [option, str(path)]
        elif isinstance(parameter.marker, Output):
            words += [option, str(folder / "out" / parameter.name)]
        elif not isinstance(parameter.marker, Setting):
            words += [option, *SCALARS[parameter.name]]
    return [*words, "--settings", str(folder / "settings.json")] if takes_settings(verb) else words


def takes_settings(verb: str) -> bool:
    listed: dict[str, Any] = signature.all_parameters(registry.load(verb))
    return any(isinstance(one.marker, Setting) for one in listed.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", sorted(set(registry.ROOM_OF) - MAKES_FROM_NOTHING))
def test_garbage_ends_in_one_paragraph(verb, kind, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOBATE_STORE", str(tmp_path / "store"))
    (tmp_path / "settings.json").write_text(json.dumps(SETTINGS))
    signal.alarm(GENEROUS_SECONDS)  # ends the run where reading a pipe or a device does not
    status = main(words_for(verb, tmp_path, KINDS[kind]))
    signal.alarm(0)
    told = capfd.readouterr().err
    assert status == 2, told
    assert "Error" in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "store").glob("objects/*/*"))
    assert not list((tmp_path / "store/work").glob("*"))
