"""Room `figures`: pictures of the results, drawn from results alone."""

from glob import glob

NAMES = (
    "map",
    "iou",
    "workflow",
    "outlines",
    "attributes",
    "upslope",
    "motion",
    "leakage",
    "rounds",
    "reliability",
    "precision_recall",
)
FIGURES = [made(f"figures/{name}.{kind}") for name in NAMES for kind in ("png", "pdf")]


rule figure_map:
    input:
        inventory=made("inventory/inventory.gpkg"),
        images=[made(f"imagery/{tile}.tif") for tile in TILES],
    output:
        png=picture("map", "map of the inventory"),
        pdf=made("figures/map.pdf"),
    log:
        made("logs/figure_map.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        stamp=stamp("figure_map"),
        settings=SETTINGS,
    message:
        "Drawing the map of the inventory"
    shell:
        "lobate figure-map --inventory {input.inventory:q} --images {input.images:q}"
        " --png {output.png:q} --pdf {output.pdf:q} --settings {params.settings:q} --log {log:q}"


rule figure_iou:
    input:
        metrics=[made(f"training/round_{number}/metrics.csv") for number in ROUNDS],
        verdicts=[made(f"training/round_{number}/verdict.json") for number in ROUNDS],
    output:
        png=picture("iou", "IoU against iteration"),
        pdf=made("figures/iou.pdf"),
    log:
        made("logs/figure_iou.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("figure_iou"),
        settings=SETTINGS,
    message:
        "Drawing IoU against iteration"
    shell:
        "lobate figure-iou --metrics {input.metrics:q} --verdicts {input.verdicts:q}"
        " --png {output.png:q} --pdf {output.pdf:q} --settings {params.settings:q} --log {log:q}"


rule rule_graph:
    input:
        snakefile="Snakefile",
        rules=sorted(glob("workflow/rules/*.smk")),
    output:
        rules=made("figures/rules.dot"),
    log:
        made("logs/rule_graph.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        settings=SETTINGS,
    message:
        "Asking Snakemake for the graph of the rules"
    shell:
        # Snakemake writes the graph in the order of Python's sets, which else is another in each run
        "PYTHONHASHSEED=0 snakemake all --snakefile {input.snakefile:q} --workflow-profile none --cores 1 --nolock --quiet all"
        " --configfile {params.settings:q} --rulegraph dot > {output.rules:q} 2> {log:q}"


rule figure_workflow:
    input:
        rules=made("figures/rules.dot"),
    output:
        png=picture("workflow", "the workflow"),
        pdf=made("figures/workflow.pdf"),
    log:
        made("logs/figure_workflow.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("figure_workflow"),
        settings=SETTINGS,
    message:
        "Drawing the workflow"
    shell:
        "lobate figure-workflow --rules {input.rules:q} --png {output.png:q} --pdf {output.pdf:q}"
        " --settings {params.settings:q} --log {log:q}"


rule figure_outlines:
    input:
        images=[made(f"imagery/{tile}.tif") for tile in TILES],
        split=made("patches/split.gpkg"),
        polygons=made("labels/polygons.gpkg"),
        detections=made("mapping/detections.gpkg"),
        reviewed=made("inventory/reviewed.gpkg"),
        inventory=made("inventory/inventory.gpkg"),
    output:
        png=picture("outlines", "examples of outlines"),
        pdf=made("figures/outlines.pdf"),
    log:
        made("logs/figure_outlines.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        stamp=stamp("figure_outlines"),
        settings=SETTINGS,
    message:
        "Drawing examples of outlines"
    shell:
        "lobate figure-outlines --images {input.images:q} --split {input.split:q} --polygons {input.polygons:q}"
        " --detections {input.detections:q} --reviewed {input.reviewed:q} --inventory {input.inventory:q}"
        " --png {output.png:q} --pdf {output.pdf:q} --settings {params.settings:q} --log {log:q}"


rule figure_attributes:
    input:
        inventory=made("inventory/inventory.gpkg"),
    output:
        png=picture("attributes", "attributes"),
        pdf=made("figures/attributes.pdf"),
    log:
        made("logs/figure_attributes.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("figure_attributes"),
        settings=SETTINGS,
    message:
        "Drawing histograms of the landforms"
    shell:
        "lobate figure-attributes --inventory {input.inventory:q} --png {output.png:q} --pdf {output.pdf:q}"
        " --settings {params.settings:q} --log {log:q}"


rule figure_upslope:
    input:
        inventory=made("inventory/inventory.gpkg"),
    output:
        png=picture("upslope", "altitude and velocity by upslope connection"),
        pdf=made("figures/upslope.pdf"),
    log:
        made("logs/figure_upslope.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("figure_upslope"),
        settings=SETTINGS,
    message:
        "Drawing altitude and velocity by upslope connection"
    shell:
        "lobate figure-upslope --inventory {input.inventory:q}"
        " --png {output.png:q} --pdf {output.pdf:q} --settings {params.settings:q} --log {log:q}"


rule figure_motion:
    input:
        inventory=made("inventory/inventory.gpkg"),
        images=[made(f"imagery/{tile}.tif") for tile in TILES],
        phase=optional(REGION.figures.motion.phase),
    output:
        png=picture("motion", "motion of one landform"),
        pdf=made("figures/motion.pdf"),
    log:
        made("logs/figure_motion.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        stamp=stamp("figure_motion"),
        settings=SETTINGS,
    message:
        "Drawing the motion of one landform"
    shell:
        "lobate figure-motion --inventory {input.inventory:q} --images {input.images:q} --phase {input.phase:q}"
        " --png {output.png:q} --pdf {output.pdf:q} --settings {params.settings:q} --log {log:q}"


rule figure_leakage:
    input:
        leakage=made("patches/leakage.json"),
        selection=made("training/selection.json"),
    output:
        png=picture("leakage", "leakage, by both protocols"),
        pdf=made("figures/leakage.pdf"),
    log:
        made("logs/figure_leakage.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("figure_leakage"),
        settings=SETTINGS,
    message:
        "Drawing what the split gives away"
    shell:
        "lobate figure-leakage --leakage {input.leakage:q} --selection {input.selection:q}"
        " --png {output.png:q} --pdf {output.pdf:q} --settings {params.settings:q} --log {log:q}"


rule figure_rounds:
    input:
        selection=made("training/selection.json"),
    output:
        png=picture("rounds", "rounds of training"),
        pdf=made("figures/rounds.pdf"),
    log:
        made("logs/figure_rounds.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("figure_rounds"),
        settings=SETTINGS,
    message:
        "Drawing the rounds of training"
    shell:
        "lobate figure-rounds --selection {input.selection:q}"
        " --png {output.png:q} --pdf {output.pdf:q} --settings {params.settings:q} --log {log:q}"


rule figure_reliability:
    input:
        selection=made("training/selection.json"),
    output:
        png=picture("reliability", "reliability of the probabilities"),
        pdf=made("figures/reliability.pdf"),
    log:
        made("logs/figure_reliability.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("figure_reliability"),
        settings=SETTINGS,
    message:
        "Drawing the reliability of the probabilities"
    shell:
        "lobate figure-reliability --selection {input.selection:q}"
        " --png {output.png:q} --pdf {output.pdf:q} --settings {params.settings:q} --log {log:q}"


rule figure_precision_recall:
    input:
        selection=made("training/selection.json"),
        scores=made("mapping/scores.json"),
        cases=made("mapping/cases.gpkg"),
    output:
        png=picture("precision_recall", "precision and recall"),
        pdf=made("figures/precision_recall.pdf"),
    log:
        made("logs/figure_precision_recall.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("figure_precision_recall"),
        settings=SETTINGS,
    message:
        "Drawing precision and recall"
    shell:
        "lobate figure-precision-recall --selection {input.selection:q} --scores {input.scores:q} --cases {input.cases:q}"
        " --png {output.png:q} --pdf {output.pdf:q} --settings {params.settings:q} --log {log:q}"


rule trace_inventory:
    input:
        inventory=made("inventory/inventory.gpkg"),
    output:
        lineage=made("figures/lineage.json"),
    log:
        made("logs/trace_inventory.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("trace_inventory"),
    message:
        "Asking the store for the steps behind the inventory"
    shell:
        "lobate trace-inventory --inventory {input.inventory:q} --lineage {output.lineage:q} --log {log:q}"


rule report:
    input:
        inventory=made("inventory/inventory.gpkg"),
        summary=made("inventory/summary.json"),
        images=[made(f"imagery/{tile}.tif") for tile in TILES],
        facts=[made(f"imagery/{tile}.json") for tile in TILES],
        card=made("patches/README.md"),
        removed=[
            made("labels/polygons.gpkg"),
            *[made(f"patches/{tile}.gpkg") for tile in TILES],
            made("mapping/detections.gpkg"),
            made("inventory/reviewed.gpkg"),
            made("inventory/inventory.gpkg"),
        ],
        selection=made("training/selection.json"),
        metrics=[of_round("metrics.csv", number) for number in ROUNDS],
        scores=made("mapping/scores.json"),
        lineage=made("figures/lineage.json"),
    output:
        html=report(
            made("report.html"),
            caption="../report/report.rst",
            category="Report",
            labels={"page": "the region's report"},
        ),
    log:
        made("logs/report.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        stamp=stamp("report"),
        settings=SETTINGS,
    message:
        "Writing the report"
    shell:
        "lobate report --inventory {input.inventory:q} --summary {input.summary:q} --images {input.images:q}"
        " --facts {input.facts:q} --card {input.card:q} --removed {input.removed:q} --selection {input.selection:q}"
        " --metrics {input.metrics:q} --scores {input.scores:q} --lineage {input.lineage:q} --html {output.html:q}"
        " --settings {params.settings:q} --log {log:q}"
