"""`lobate sample`: freeze a finished map, and draw the units by which people will judge it."""

from __future__ import annotations

from pathlib import Path

from lobate.errors import UserError
from lobate.imagery.scene_table import scenes_by_tile
from lobate.io.atomic import temporary_folder
from lobate.io.drawn import ANSWERS, SECOND_LOOK, accuracy_folder
from lobate.mapping.accuracy.draw import MapFiles, SampleSizes, SamplingFrame, draw_sample
from lobate.mapping.accuracy.frozen import FrozenSample
from lobate.mapping.accuracy.plan import plan_text
from lobate.mapping.accuracy.response import second_look_units, write_response
from lobate.mapping.accuracy.strata import MappedGround
from lobate.settings import Region

FROZEN = Path("frozen", "sample.json")
"""The frozen sample, in resources/REGION/accuracy. It lies apart: whoever answers must not see strata and probabilities."""


def sample_region(region: Region, sizes: SampleSizes, imagery: str, *, dry_run: bool) -> str:
    """Return the plan of a sample as text; unless ``dry_run``, also draw it and write its files.

    Raises UserError without a map, for sample sizes that say nothing, without a name of the imagery, and where a sample of
    this region exists; nothing is written then.
    """
    sizes.check()
    folder = Path(accuracy_folder(region.region))
    if not dry_run:
        _check_imagery(imagery)
        _check_new(folder)
    files = _map_files(region)
    frame = SamplingFrame.of(MappedGround.read(files.detections, files.probabilities))
    plan = plan_text(frame, sizes, region.landform)
    if dry_run:
        return plan
    sample = draw_sample(
        frame,
        sizes,
        seed=region.seed,
        region=region.region,
        landform=region.landform,
        imagery=imagery.strip(),
        files=files,
    )
    write_sample(folder, sample)
    return plan + _instructions(folder, sample)


def _check_imagery(imagery: str) -> None:
    if not imagery.strip():
        raise UserError(
            "--imagery does not name the images on which people will answer. Take better ones than the map's, and name them with "
            'their date: --imagery "Pleiades 0.5 m, August 2021". `--dry-run` prints the plan without it.'
        )


def _check_new(folder: Path) -> None:
    if folder.exists():
        raise UserError(
            f"{folder} is there already and stays as it is: a sample is drawn once, before anybody looks. To sample another map, "
            "give this folder another name, also in mapping.accuracy."
        )


def _map_files(region: Region) -> MapFiles:
    """Return the files of a region's map. Raises UserError where one is missing."""
    folder = Path("results", region.region, "mapping")
    files = MapFiles(
        folder / "detections.gpkg", [folder / f"{tile}_probability.tif" for tile in scenes_by_tile(region.imagery)]
    )
    missing = [path for path in (files.detections, *files.probabilities) if not path.exists()]
    if missing or not files.probabilities:
        raise UserError(
            f"There is no map of the region {region.region} to sample yet: {missing[0] if missing else 'it has no scenes'}"
            f"{' does not exist' if missing else ''}. Run snakemake for this region first."
        )
    return files


def write_sample(folder: Path, sample: FrozenSample) -> None:
    """Write the frozen sample and the empty files of answers into a new folder, all of them or none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder) as new:
        (new / FROZEN).parent.mkdir()
        (new / FROZEN).write_text(sample.text(), encoding="utf-8")
        write_response(new / ANSWERS, sample, sample.places, sample.squares)
        write_response(new / SECOND_LOOK, sample, *second_look_units(sample))
        new.rename(folder)


def _instructions(folder: Path, sample: FrozenSample) -> str:
    return f"""
Frozen as sample {sample.name}. Do not look into {folder / FROZEN} before all answers are in.
Answer on {sample.imagery}, without the map: in `lobate review`, which has lists of the places and squares, or in QGIS:
  {folder / ANSWERS}
    places     is there a {sample.landform} at the point? yes, no or cannot_say
    squares    outline every {sample.landform} with its middle in the square, in the layer landforms; then answer done, or
               cannot_say where the imagery does not show the ground
  {folder / SECOND_LOOK}
    a tenth of the same, for a second person, or for yourself some weeks later
Then set in the configuration, and run snakemake:
  mapping:
    accuracy:
      frozen: {folder / FROZEN}
      answers: {folder / ANSWERS}
      second_look: {folder / SECOND_LOOK}
"""
