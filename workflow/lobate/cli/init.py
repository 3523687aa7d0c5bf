"""`lobate init`: a commented configuration for a new region, and the folder for the user's files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from lobate.errors import UserError
from lobate.settings.load import parse

TEMPLATE = """\
# Configuration of region {name}. Keys that are left out have the paper's values; config/README.md explains them step by step, and
# workflow/schemas/config.schema.json describes all keys with limits, units and defaults.
# All paths are relative to the project. `lobate check config/{name}.yaml` lists what is wrong or missing.

region: {name}
landform: {landform}
seed: 0

imagery:
  # 1. `snakemake find_scenes --configfile config/{name}.yaml --cores 1` searches the catalogue for scenes of this area and season, and
  #    writes results/{name}/imagery/scenes.tsv and coverage.png. Look at both; delete lines of scenes that you do not want.
  find: {{area: {area}, years: {years}, months: {months}}}
  # 2. Keep the table as resources/{name}/scenes.tsv, and remove the # from the next line: scenes are then fetched when needed.
  # scenes: resources/{name}/scenes.tsv
  #    If you have products or ready 8-bit images already, name them here; find and scenes are then not needed:
  # tiles: {{T44SPC: [resources/scenes/S2A_MSIL2A_....SAFE]}}
  clouds: {{max_scene_cloud: 5}}

labels:
  # Hand-drawn outlines, any vector file with a CRS. Name the field of their identifiers beside the path,
  # {{path: ..., id_field: id}}; without it, outlines are numbered.
  positives:
{positives}
  # Look-alikes and ground without the landform: debris-covered glaciers, solifluction slopes, lakes, villages.
  negatives:{negatives}
  # A CSV with the columns id and reason: outlines that cannot be recognised on the images.
  # removed: resources/{name}/removed.csv

# By default training needs a GPU: the paper's DeepLabv3+ on Xception-71, ImageNet weights, 30,000 iterations a round.
# On a CPU, a small network with random weights shows whether your data are sound. It takes some hours a round; with 300 iterations
# and a crop of 128 some minutes, for a worse map.
# training:
#   max_rounds: 1
#   network: {{backbone: mobilenetv2_100, weights: none}}
#   schedule: {{iterations: 2000, crop: 480, optimizer: adamw, learning_rate: 0.02, batch_norm: trained}}

inventory:
  # Elevation in metres. With the path resources/dem/{name}.tif, the Copernicus DEM (30 m) of imagery.find's area is fetched over
  # the network. Or name a raster of your own; or put a # before the line, and elevation, slope and aspect stay empty.
  dem: resources/dem/{name}.tif
  # After the review: the file that review.html saved, or a copy of results/{name}/inventory/review.gpkg with your decisions in it.
  # decisions: resources/{name}/decisions.gpkg

# Credit line under pictures of your images; change it for images other than Sentinel-2:
# figures: {{credit: Contains modified Copernicus Sentinel data 2018}}
"""

README = """\
# Your files of region {name}

Keep outlines, the table of scenes, the list of removed outlines and your review decisions here, under version
control. The workflow reads this folder and never writes into it.
"""


def init_region(
    name: str,
    *,
    area: Path | None = None,
    years: Sequence[int],
    months: Sequence[int],
    positives: Sequence[Path],
    negatives: Sequence[Path],
    landform: str = "rock glacier",
) -> list[Path]:
    """Write config/<name>.yaml and resources/<name>/README.md in the working folder; return the written files.

    Files that are not named get their default paths. Raises UserError if the region's configuration already exists or a
    value is not valid; nothing is written then.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UserError(
            f"{name!r} cannot name a region: use letters, digits, - and _, beginning with a letter or digit."
        )
    config, readme = Path("config", f"{name}.yaml"), Path("resources", name, "README.md")
    if config.exists():
        raise UserError(f"{config} is there already and stays as it is. Choose another name, or delete it first.")
    folder = f"resources/{name}"
    texts = {
        config: TEMPLATE.format(
            name=name,
            landform=_quoted(landform),
            area=_quoted(area or f"{folder}/area.gpkg"),
            years=[*years],
            months=[*months],
            positives=_outlines(positives or [Path(folder, "positives.shp")]),
            negatives="\n" + _outlines(negatives) if negatives else " []",
        ),
        readme: README.format(name=name),
    }
    parse(yaml.safe_load(texts[config]))
    new = [path for path in texts if not path.exists()]
    for path in new:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], encoding="utf-8")
    return new


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)  # JSON's strings are YAML's


def _outlines(files: Sequence[Path]) -> str:
    return "\n".join(f"    - {{path: {_quoted(file)}}}" for file in files)
