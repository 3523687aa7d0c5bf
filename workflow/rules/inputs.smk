"""Inputs of rules that depend on the settings, the round or the tile."""


def optional(path: str | None) -> list[str]:
    """Return a list of one path, or an empty list where a setting names none."""
    return [path] if path else []


def tile_images(wildcards) -> list[str]:
    """Return the images of all tiles; without scenes, end the run with the steps that find them."""
    if not TILES:
        table = REGION.imagery.scenes or f"resources/{REGION.region}/scenes.tsv"
        exit_with(
            f"The region {REGION.region} has no scenes yet, only a setting imagery.find. First run snakemake find_scenes, "
            f"with the same --configfile. Look at the table it makes, {results('imagery/scenes.tsv')}, and at coverage.png "
            f"beside it; keep the table as {table}, less the scenes you do not want; name that file in the setting "
            "imagery.scenes; and run this again."
        )
    return [results(f"imagery/{tile}.tif") for tile in TILES]


def outline_files(outlines) -> Callable[..., list[str]]:
    """Return an input function for hand-drawn outlines; a job that needs a missing one ends the run."""
    paths = [file.path for file in outlines]

    def existing(wildcards) -> list[str]:
        try:
            if workflow.is_main_process and not all(Path(path).exists() for path in paths):
                from lobate.cli.check import check_region

                check_region(REGION)
        except UserError as mistake:
            exit_with(f"{MISTAKES}\n{mistake}")
        return paths

    return existing


def decision_files() -> list[str]:
    """Return the files of review decisions: none, one, or one per reviewer; the file of the review may be begun later."""
    decisions = REGION.inventory.decisions
    paths = optional(decisions) if isinstance(decisions, str | None) else decisions
    return [path for path in paths if path != decisions_path(REGION.region) or Path(path).exists()]


def drawn_areas() -> list[str]:
    """Return the file with completely mapped areas; that of the review may be begun later, and says nothing until then."""
    areas = optional(REGION.labels.complete)
    return [path for path in areas if path != drawn_path(REGION.region) or Path(path).exists()]


def previous_round(name: str) -> Callable[..., list[str]]:
    """Return an input function for a file of the round before; the first round has none."""

    def previous(wildcards) -> list[str]:
        number = int(wildcards.round)
        return [round_file(name, number - 1)] if number > 1 else []

    return previous


def earlier_rounds(name: str) -> Callable[..., list[str]]:
    """Return an input function for the files of that name of all earlier rounds."""

    def earlier(wildcards) -> list[str]:
        return [round_file(name, number) for number in range(1, int(wildcards.round))]

    return earlier


def weights_file() -> str | None:
    """Return the weights file that the setting names; None for weights of the hub or random ones."""
    weights = REGION.training.network.weights
    return None if weights in ("imagenet", "none") else weights


def test_side(paths: list[str] | str) -> list[str]:
    """Return files of the test side, or an empty list where none is set."""
    return ([paths] if isinstance(paths, str) else paths) if REGION.patches.split.test else []


def test_region() -> list[str]:
    """Return the file with the ground of the test side, where its method is region."""
    test = REGION.patches.split.test
    return [test.region.path] if test and test.region else []


def reference_outlines() -> str:
    """Return the outlines to score against: those of the setting, else the cleaned labels."""
    reference = REGION.mapping.reference
    return reference.path if reference else results("labels/polygons.gpkg")


def chosen_threshold() -> list[str]:
    """Return the threshold chosen on the map, which needs the maps of all tiles; an empty list where the setting gives one."""
    return [] if REGION.mapping.vectorize.threshold else [results("mapping/threshold.json")]


def estimated_accuracy() -> list[str]:
    """Return the estimates of the map's accuracy where people have answered to a sample of it; else an empty list."""
    return optional(REGION.mapping.accuracy and results("mapping/accuracy.json"))


def outlines_to_describe(wildcards) -> str:
    """Return the reviewed detections, or the outlines of another inventory."""
    if wildcards.source == "reviewed":
        return results("inventory/reviewed.gpkg")
    return REGION.inventory.others[wildcards.source].path


def image_sidecars(wildcards, ending: str) -> list[str]:
    """Return the files beside each image for the detections; other outlines were not mapped from these images."""
    return [results(f"imagery/{tile}{ending}") for tile in TILES] if wildcards.source == "reviewed" else []
