"""`lobate init`: a commented configuration for a new region, and the folder for the user's files.

What the named files say of themselves is written into the configuration. What they leave open stands there as a question.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from lobate.errors import UserError
from lobate.io.drawn import drawn_path
from lobate.io.workflow_files import project_root
from lobate.settings.load import parse

if TYPE_CHECKING:
    from lobate.cli.brought import Brought

RULES_OF_A_PROJECT = ("Snakefile", "workflow/Snakefile")

HEAD = """\
# Configuration of region {name}. Keys that are left out have the paper's values; config/README.md explains them step by step, and
# workflow/schemas/config.schema.json describes all keys with limits, units and defaults.
# All paths are relative to the project. `lobate check config/{name}.yaml` lists what is wrong or missing.

{elsewhere}region: {name}
{landform}
seed: 0
"""
FIND = """\
  # 1. `snakemake find_scenes --configfile config/{name}.yaml --cores 1` searches the catalogue for scenes of this area and season, and
  #    writes results/{name}/imagery/scenes.tsv and coverage.png. Look at both; delete lines of scenes that you do not want.
  find: {{area: {area}, years: {years}, months: {months}}}
  # 2. Keep the table as resources/{name}/scenes.tsv, and remove the # from the next line: scenes are then fetched when needed.
  # scenes: resources/{name}/scenes.tsv
  #    If you have products or ready 8-bit images already, name them here; find and scenes are then not needed:
  # tiles: {{T44SPC: [resources/scenes/S2A_MSIL2A_....SAFE]}}
"""
LABELS = """\
labels:
  # Hand-drawn outlines, any vector file with a CRS. Name the field of their identifiers beside the path,
  # {{path: ..., id_field: id}}; without it, outlines are numbered.
  positives:
{positives}
  # Look-alikes and ground without the landform: debris-covered glaciers, solifluction slopes, lakes, villages.
  negatives:{negatives}
{complete}  # A CSV with the columns id and reason: outlines that cannot be recognised on the images.
  # removed: resources/{name}/removed.csv

# By default training needs a GPU: the paper's DeepLabv3+ on Xception-71, ImageNet weights, 30,000 iterations a round.
# On a CPU, a small network with random weights shows whether your data are sound. It takes some hours a round; with 300 iterations
# and a crop of 128 some minutes, for a worse map.
{gpu}# training:
#   max_rounds: 1
#   network: {{backbone: mobilenetv2_100, weights: none}}
#   schedule: {{iterations: 2000, crop: 480, optimizer: adamw, learning_rate: 0.02, batch_norm: trained}}

inventory:
{dem}
  # What you decide in `lobate review config/{name}.yaml`. The file is begun with the first decision, and QGIS may edit it too. Several
  # reviewers with a file each: a list of files.
  decisions: resources/{name}/decisions.gpkg

# Credit line under pictures of your images; change it for images other than Sentinel-2:
# figures: {{credit: Contains modified Copernicus Sentinel data {year}}}
"""
DRAWN_AREAS = """\
  # Areas in which you outlined every landform, its layer complete.
  complete: {path}
"""
FETCHED_DEM = """\
  # Elevation in metres. With the path resources/dem/{name}.tif, the Copernicus DEM (30 m) of imagery.find's area is fetched over
  # the network. Or name a raster of your own; or put a # before the line, and elevation, slope and aspect stay empty.
  dem: resources/dem/{name}.tif"""
NO_DEM = """\
  # Question: have you elevations of this ground? Elevation, slope and aspect stay empty until a raster in metres is named here.
  # dem: resources/{name}/dem.tif"""

README = """\
# Your files of region {name}

Keep outlines, the table of scenes, the list of removed outlines and your review decisions here, under version
control. The workflow reads this folder and never writes into it; `lobate review` keeps here what you decide and draw
(decisions.gpkg, drawn.gpkg) and its backups.
"""
SNAKEFILE = """\
# The workflow of lobate, from the place where it is installed. Name a configuration with --configfile.
module lobate:
    snakefile:
        {path}
    config:
        config


use rule * from lobate
"""


def init_region(
    name: str,
    *,
    years: Sequence[int],
    months: Sequence[int] = (),
    files: Sequence[Path] = (),
    area: Path | None = None,
    positives: Sequence[Path] = (),
    negatives: Sequence[Path] = (),
    images: Sequence[Path] = (),
    dem: Path | None = None,
    landform: str | None = None,
    new: bool = False,
) -> list[Path]:
    """Write config/<name>.yaml and the folder resources/<name> in the working folder; return the written files.

    ``files`` are images, outlines or elevations, and are looked at. Files that are not named get their default paths.
    ``new``: the working folder becomes a project first. Raises UserError outside a project, if the region's configuration
    already exists, or if a file or value is not valid; nothing is written then.
    """
    from lobate.cli.brought import look_at
    from lobate.io.vector import write_layers

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UserError(
            f"{name!r} cannot name a region: use letters, digits, - and _, beginning with a letter or digit."
        )
    _check_project(new)
    config, readme = Path("config", f"{name}.yaml"), Path("resources", name, "README.md")
    if config.exists():
        raise UserError(f"{config} is there already and stays as it is. Choose another name, or delete it first.")
    brought = look_at(files, area=area, positives=positives, negatives=negatives, images=images, dem=dem)
    texts = {
        config: _configuration(name, brought, years, months, landform),
        readme: README.format(name=name),
        **(_new_project() if new else {}),
    }
    parse(yaml.safe_load(texts[config]))
    drawn = Path("resources", name, "area.gpkg")
    ground = brought.ground() if brought.needs_area and not drawn.exists() else None
    missing = [path for path in texts if not path.exists()]
    for path in missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], encoding="utf-8")
    if ground is not None:
        write_layers(drawn, {"area": ground})
        missing.append(drawn)
    return missing


def _check_project(new: bool) -> None:
    """Raise UserError outside a project, unless a new one is wanted."""
    is_project = any(Path(file).exists() for file in RULES_OF_A_PROJECT)
    if not is_project and not new:
        raise UserError(
            f"{Path.cwd()} is no project of lobate: it has no Snakefile. Run lobate init in the project's folder, or give --new "
            "to make this folder a project."
        )
    if new and is_project:
        raise UserError(f"{Path.cwd()} is a project already. Leave --new out.")
    if new and not (project_root() / "workflow/Snakefile").exists():
        raise UserError(
            f"lobate stands in {project_root()} without its workflow, so it cannot make a project. Install it anew, or clone it."
        )


def _new_project() -> dict[Path, str]:
    """Return the files of a project that uses the workflow where lobate is installed."""
    profile = Path("profiles/default/config.yaml")
    return {
        Path("Snakefile"): SNAKEFILE.format(path=_quoted(project_root() / "workflow/Snakefile")),
        profile: (project_root() / profile).read_text(encoding="utf-8"),
    }


def _configuration(
    name: str, brought: Brought, years: Sequence[int], months: Sequence[int], landform: str | None
) -> str:
    """Return the text of a configuration with what the files tell, and a question for what they do not."""
    area = brought.area or Path("resources", name, "area.gpkg")
    season = [*months] or ([1, 2] if brought.is_southern else [7, 8])
    given = {"name": name, "area": _quoted(area), "years": [*years], "months": season, "year": years[-1]}
    imagery = [*_comments(brought.images.notes), *_tiles(brought.images.tiles), *brought.images.settings]
    text = [
        HEAD.format(name=name, elsewhere=_elsewhere(brought, name), landform="\n".join(_landform(brought, landform))),
        "imagery:",
        *(f"  {line}" for line in imagery),
        *([] if imagery else [*_area_question(brought), FIND.format(**given).rstrip("\n")]),
        "  clouds: {max_scene_cloud: 5}\n",
        LABELS.format(
            **given,
            **_labels(brought, name),
            dem=_dem(brought, name),
            gpu=""
            if has_gpu()
            else "# Question: will the run have a GPU? This machine has none; then remove the # from the next lines.\n",
        ).rstrip("\n"),
        *([] if brought.images.is_sentinel else ["# Question: whose images are these? Write the credit line above."]),
    ]
    return "\n".join(text) + "\n"


def _labels(brought: Brought, name: str) -> dict[str, str]:
    """Return the texts of the labels; with images and no outlines, those that are drawn on the images."""
    given = {"positives": _outlines(brought.positives, brought), "negatives": _outlines(brought.negatives, brought)}
    if not given["positives"] and brought.images.tiles:
        path = drawn_path(name)
        lines = {kind: f"    - {{path: {path}, layer: {kind}, id_field: id}}" for kind in given}
        negatives = "\n".join(given["negatives"]) or lines["negatives"]
        return {
            "positives": f"    # Nothing is drawn yet: draw them with `lobate review config/{name}.yaml`.\n{lines['positives']}",
            "negatives": f"\n{negatives}",
            "complete": DRAWN_AREAS.format(path=path),
        }
    return {
        "positives": "\n".join(given["positives"] or [f"    - {{path: resources/{name}/positives.shp}}"]),
        "negatives": "".join(f"\n{line}" for line in given["negatives"]) or " []",
        "complete": "",
    }


def _elsewhere(brought: Brought, name: str) -> str:
    if not any(path.is_absolute() for path in brought.paths):
        return ""
    return f"# Paths that begin with / work on this machine only. Copy or link these files into resources/{name}.\n\n"


def has_gpu() -> bool:
    """Return whether this machine seems to have a GPU, without loading torch."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _landform(brought: Brought, given: str | None) -> Iterator[str]:
    found = next((outlines.landform for outlines in brought.positives if outlines.landform), "")
    if not given and not found and brought.positives:
        yield "# Question: what is mapped? The files do not tell."
    elif not given and found:
        yield "# as the names in the outlines tell"
    yield f"landform: {_quoted(given or found or 'rock glacier')}"


def _area_question(brought: Brought) -> Iterator[str]:
    if brought.needs_area:
        yield "  # Question: is this the ground to map? The area was drawn round the outlines, with 5 km. And are these the year and the season without snow?"


def _tiles(tiles: dict[str, list[Path]]) -> list[str]:
    lines = [f"  {tile}: [{', '.join(map(_quoted, paths))}]" for tile, paths in tiles.items()]
    return ["tiles:", *lines] if lines else []


def _dem(brought: Brought, name: str) -> str:
    if brought.dem:
        return f"  # Elevation in metres.\n  dem: {_quoted(brought.dem)}"
    return (NO_DEM if brought.images.tiles else FETCHED_DEM).format(name=name)


def _outlines(files: Sequence, brought: Brought) -> list[str]:
    lines = []
    for file in files:
        lines += _comments([*file.notes, *brought.on_images(file)])
        lines += [f"# Question: {question}" for question in file.questions]
        keys = {"path": file.path, "layer": file.layer, "id_field": file.id_field}
        lines.append(f"- {{{', '.join(f'{key}: {_quoted(value)}' for key, value in keys.items() if value)}}}")
    return [f"    {line}" for line in lines]


def _comments(notes: Sequence[str]) -> list[str]:
    return [f"# {' '.join(note.split())}" for note in notes]


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)  # JSON's strings are YAML's
