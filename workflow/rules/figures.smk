"""Room `figures`: figures and the report, drawn from results alone."""


rule figure_map:
    input:
        inventory=results("inventory/inventory.gpkg"),
        images=[results(f"imagery/{tile}.tif") for tile in TILES],
        selection=results("training/selection.json"),
        threshold=results("mapping/threshold.json"),
    output:
        png=figure("map", "map of the inventory"),
        pdf=results("figures/map.pdf"),
    log:
        results("logs/figure_map.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        fingerprint=fingerprint("figure_map"),
        settings=SETTINGS,
    message:
        "Drawing the map of the inventory"
    shell:
        command("figure_map")


rule figure_iou:
    input:
        metrics=[round_file("metrics.csv", number) for number in ROUNDS],
        verdicts=[round_file("verdict.json", number) for number in ROUNDS],
    output:
        png=figure("iou", "IoU against iteration"),
        pdf=results("figures/iou.pdf"),
    log:
        results("logs/figure_iou.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("figure_iou"),
        settings=SETTINGS,
    message:
        "Drawing IoU against iteration"
    shell:
        command("figure_iou")


# The graph is a parameter, worked out when a run is planned: Snakemake writes the file again when the graph changes, and
# only then. It comes from the rules, since the jobs of a run for one result, or of a cluster's job, are a part of it.
rule rule_graph:
    output:
        rules=results("figures/rules.dot"),
    log:
        results("logs/rule_graph.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        graph=lambda wildcards: rule_graph_text(),
    message:
        "Writing the graph of the rules"
    shell:
        "printf %s {params.graph:q} > {output.rules:q} 2> {log:q}"


rule figure_workflow:
    input:
        rules=results("figures/rules.dot"),
    output:
        png=figure("workflow", "the workflow"),
        pdf=results("figures/workflow.pdf"),
    log:
        results("logs/figure_workflow.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("figure_workflow"),
        settings=SETTINGS,
    message:
        "Drawing the workflow"
    shell:
        command("figure_workflow")


rule figure_outlines:
    input:
        images=[results(f"imagery/{tile}.tif") for tile in TILES],
        split=results("patches/split.gpkg"),
        polygons=results("labels/polygons.gpkg"),
        detections=results("mapping/detections.gpkg"),
        reviewed=results("inventory/reviewed.gpkg"),
        inventory=results("inventory/inventory.gpkg"),
        selection=results("training/selection.json"),
        threshold=results("mapping/threshold.json"),
    output:
        png=figure("outlines", "examples of outlines"),
        pdf=results("figures/outlines.pdf"),
    log:
        results("logs/figure_outlines.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("figure_outlines"),
        settings=SETTINGS,
    message:
        "Drawing examples of outlines"
    shell:
        command("figure_outlines")


rule figure_attributes:
    input:
        inventory=results("inventory/inventory.gpkg"),
        selection=results("training/selection.json"),
        threshold=results("mapping/threshold.json"),
    output:
        png=figure("attributes", "attributes"),
        pdf=results("figures/attributes.pdf"),
    log:
        results("logs/figure_attributes.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("figure_attributes"),
        settings=SETTINGS,
    message:
        "Drawing histograms of the attributes"
    shell:
        command("figure_attributes")


rule figure_upslope:
    input:
        inventory=results("inventory/inventory.gpkg"),
        selection=results("training/selection.json"),
        threshold=results("mapping/threshold.json"),
    output:
        png=figure("upslope", "altitude and velocity by upslope connection"),
        pdf=results("figures/upslope.pdf"),
    log:
        results("logs/figure_upslope.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("figure_upslope"),
        settings=SETTINGS,
    message:
        "Drawing altitude and velocity by upslope connection"
    shell:
        command("figure_upslope")


rule figure_motion:
    input:
        inventory=results("inventory/inventory.gpkg"),
        images=[results(f"imagery/{tile}.tif") for tile in TILES],
        phase=optional(REGION.figures.motion.phase),
    output:
        png=figure("motion", "motion of one landform"),
        pdf=results("figures/motion.pdf"),
    log:
        results("logs/figure_motion.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("figure_motion"),
        settings=SETTINGS,
    message:
        "Drawing the motion of one landform"
    shell:
        command("figure_motion")


rule figure_leakage:
    input:
        leakage=results("patches/leakage.json"),
        selection=results("training/selection.json"),
    output:
        png=figure("leakage", "leakage, by both protocols"),
        pdf=results("figures/leakage.pdf"),
    log:
        results("logs/figure_leakage.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("figure_leakage"),
        settings=SETTINGS,
    message:
        "Drawing the leakage of both splits"
    shell:
        command("figure_leakage")


rule figure_rounds:
    input:
        selection=results("training/selection.json"),
    output:
        png=figure("rounds", "rounds of training"),
        pdf=results("figures/rounds.pdf"),
    log:
        results("logs/figure_rounds.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("figure_rounds"),
        settings=SETTINGS,
    message:
        "Drawing the rounds of training"
    shell:
        command("figure_rounds")


rule figure_reliability:
    input:
        threshold=results("mapping/threshold.json"),
    output:
        png=figure("reliability", "reliability of the probabilities"),
        pdf=results("figures/reliability.pdf"),
    log:
        results("logs/figure_reliability.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("figure_reliability"),
        settings=SETTINGS,
    message:
        "Drawing the reliability of the probabilities"
    shell:
        command("figure_reliability")


rule figure_precision_recall:
    input:
        threshold=results("mapping/threshold.json"),
        scores=results("mapping/scores.json"),
        cases=results("mapping/cases.gpkg"),
    output:
        png=figure("precision_recall", "precision and recall"),
        pdf=results("figures/precision_recall.pdf"),
    log:
        results("logs/figure_precision_recall.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("figure_precision_recall"),
        settings=SETTINGS,
    message:
        "Drawing precision and recall"
    shell:
        command("figure_precision_recall")


rule trace_inventory:
    input:
        inventory=results("inventory/inventory.gpkg"),
    output:
        lineage=results("figures/lineage.json"),
    log:
        results("logs/trace_inventory.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("trace_inventory"),
    message:
        "Tracing the steps behind the inventory"
    shell:
        command("trace_inventory")


rule report:
    input:
        inventory=results("inventory/inventory.gpkg"),
        summary=results("inventory/summary.json"),
        images=[results(f"imagery/{tile}.tif") for tile in TILES],
        facts=[results(f"imagery/{tile}.json") for tile in TILES],
        card=results("patches/README.md"),
        removed=[
            results("labels/polygons.gpkg"),
            *[results(f"patches/{tile}.gpkg") for tile in TILES],
            results("mapping/detections.gpkg"),
            results("inventory/reviewed.gpkg"),
            results("inventory/inventory.gpkg"),
        ],
        selection=results("training/selection.json"),
        metrics=[round_file("metrics.csv", number) for number in ROUNDS],
        scores=results("mapping/scores.json"),
        threshold=results("mapping/threshold.json"),
        contours=results("mapping/contours.gpkg"),
        test=test_side(results("training/test.json")),
        lineage=results("figures/lineage.json"),
        accuracy=estimated_accuracy(),
    output:
        html=report(
            results("report.html"),
            caption="../report/report.rst",
            category="Report",
            labels={"page": "the region's report"},
        ),
    log:
        results("logs/report.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        fingerprint=fingerprint("report"),
        settings=SETTINGS,
    message:
        "Writing the report"
    shell:
        command("report")
