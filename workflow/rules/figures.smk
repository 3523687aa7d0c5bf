"""Room `figures`: pictures of the results, drawn from results alone."""

from glob import glob

FIGURES = [
    made(f"figures/{name}.{kind}")
    for name in ("map", "iou", "workflow", "outlines", "attributes")
    for kind in ("png", "pdf")
]


rule figure_map:
    input:
        inventory=made("inventory/inventory.gpkg"),
        images=[made(f"imagery/{tile}.tif") for tile in TILES],
    output:
        png=made("figures/map.png"),
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
        png=made("figures/iou.png"),
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
        "snakemake all --snakefile {input.snakefile:q} --workflow-profile none --cores 1 --nolock --quiet all"
        " --configfile {params.settings:q} --rulegraph dot > {output.rules:q} 2> {log:q}"


rule figure_workflow:
    input:
        rules=made("figures/rules.dot"),
    output:
        png=made("figures/workflow.png"),
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
        png=made("figures/outlines.png"),
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
        png=made("figures/attributes.png"),
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
