"""The source distribution and the wheel, and the wheel in an empty environment: the command works there without a clone.

`make wheel` runs this. It installs from the network, at the lock's versions. Where `make demo` has run, the example's model maps
a scene too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

PROJECT = Path(__file__).resolve().parents[2]
LOCK = PROJECT / "envs/requirements.lock"
EXAMPLE = PROJECT / "results/demo"
MODEL = EXAMPLE / "training/model.safetensors"
UNWANTED = {"snakemake", "starlette", "uvicorn", "onnx", "onnxruntime", "pytest", "ruff", "sphinx"}
"""Packages of the extras: the core neither installs nor imports them."""


def build(folder: Path) -> Path:
    """Build both distributions from what git tracks; return the wheel. The wheel is built from the source distribution."""
    source = folder / "source"
    source.mkdir()
    for name in subprocess.check_output(["git", "ls-files"], cwd=PROJECT, text=True).splitlines():
        if (PROJECT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, source / name)
    backend = "from setuptools import build_meta; print(build_meta.build_{}(r'{}'))"
    subprocess.run([sys.executable, "-c", backend.format("sdist", folder)], cwd=source, check=True, capture_output=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    unpacked = next((folder / "unpacked").iterdir())
    subprocess.run(
        [sys.executable, "-c", backend.format("wheel", folder)], cwd=unpacked, check=True, capture_output=True
    )
    return next(folder.glob("*.whl"))


def new_environment(folder: Path) -> Path:
    """Make an empty environment, and write the lock's versions as constraints; return its folder of commands."""
    pins = re.findall(r"^([\w.-]+==[^\\\n]+?) \\$", LOCK.read_text(), re.M)
    (folder / "constraints.txt").write_text("\n".join(pins) + "\n")
    venv.create(folder / "environment", with_pip=True)
    return folder / "environment/bin"


def install(what: str, folder: Path) -> None:
    """Install a wheel, perhaps with an extra in brackets, with its dependencies at the lock's versions."""
    pip = [folder / "environment/bin/python", "-m", "pip"]
    words = ["install", "--quiet", "--constraint", str(folder / "constraints.txt"), what]
    subprocess.run([*pip, *words], check=True)
    subprocess.run([*pip, "check"], check=True)


def say(bin_folder: Path, here: Path, *words: str) -> str:
    """Run the command in a folder; return what it prints."""
    done = subprocess.run(
        [bin_folder / "lobate", *words], cwd=here, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        raise SystemExit(f"lobate {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def plan(bin_folder: Path, here: Path) -> None:
    """Plan the example in the new project, by the rules that the wheel carries."""
    shutil.copy(PROJECT / "config/config.yaml", here / "config/config.yaml")
    assert "lobate/project/workflow/Snakefile" in (here / "Snakefile").read_text()
    words = [bin_folder / "snakemake", "--dry-run", "--configfile", "config/config.yaml"]
    planned = subprocess.run(words, cwd=here, capture_output=True, text=True, check=False, timeout=600)
    if planned.returncode or "compile_inventory" not in planned.stdout:
        raise SystemExit(f"The rules of the wheel plan nothing:\n{planned.stdout}{planned.stderr}")


def megabytes(folder: Path) -> float:
    """Return the size of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


def packages(bin_folder: Path) -> set[str]:
    """Return the names of the environment's packages."""
    words = "import importlib.metadata as m; print(*sorted({d.name.lower() for d in m.distributions()}))"
    return set(subprocess.check_output([bin_folder / "python", "-c", words], text=True).split())


def main() -> None:
    """Build, install, and run the commands; print the sizes of the environments."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        wheel, bin_folder = build(folder), new_environment(folder)
        install(str(wheel), folder)
        here = folder / "here"
        here.mkdir()
        print(say(bin_folder, here, "--version").strip())
        say(bin_folder, here, "init", "valley", "--new")
        if MODEL.exists():
            image = EXAMPLE / "imagery/T44SPC.tif"
            say(bin_folder, here, "map", str(image), "--model", str(MODEL), "--out", "map.gpkg")
            assert (here / "map.gpkg").stat().st_size > 0
        found = packages(bin_folder)
        assert not found & UNWANTED, found & UNWANTED
        print(f"core: {len(found)} packages, {megabytes(folder / 'environment'):.0f} MB")
        install(f"{wheel}[workflow]", folder)
        plan(bin_folder, here)
    own = Path(sys.executable).parent
    print(f"{own.parent.name}: {len(packages(own))} packages, {megabytes(own.parent):.0f} MB")


if __name__ == "__main__":
    main()
