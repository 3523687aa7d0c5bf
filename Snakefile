"""lobate: from Sentinel-2 scenes and hand-drawn outlines to a reviewed inventory of landforms."""

from snakemake.utils import min_version

min_version("9.27")

# A region's own configuration replaces the embedded example's; Snakemake would merge the two.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


report: "workflow/report/overview.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/example.smk"
include: "workflow/rules/imagery.smk"
include: "workflow/rules/labels.smk"
include: "workflow/rules/patches.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/mapping.smk"
include: "workflow/rules/inventory.smk"
include: "workflow/rules/figures.smk"


rule all:
    default_target: True
    input:
        inventory=results("inventory/inventory.gpkg"),
        translated=[results(f"inventory/{standard}.gpkg") for standard in ("rgik", "paper")],
        about=[results(f"inventory/{name}") for name in ("README.md", "metadata.json")],
        review=[results(f"inventory/review.{kind}") for kind in ("gpkg", "qgs", "html")],
        contact_sheet=results("patches/contact_sheet.png"),
        card=results("patches/README.md"),
        selection=results("training/selection.json"),
        scores=results("mapping/scores.json"),
        test=test_side(results("training/test.json")),
        figures=FIGURES,
        report=results("report.html"),
        lost=lost_results,
