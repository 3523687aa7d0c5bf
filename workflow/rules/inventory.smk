"""Room `inventory`: review of the detections, attributes, and one compiled inventory."""


rule review_sheet:
    input:
        detections=results("mapping/detections.gpkg"),
        others=[results(f"inventory/described/{name}.gpkg") for name in sorted(REGION.inventory.others)],
        reviewed=results("inventory/reviewed.gpkg"),
    output:
        review=results("inventory/review.gpkg"),
    log:
        results("logs/review_sheet.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("review_sheet"),
    message:
        "Writing the review sheet"
    shell:
        command("review_sheet")


rule review_page:
    input:
        detections=results("mapping/detections.gpkg"),
        images=[results(f"imagery/{tile}.tif") for tile in TILES],
        others=[REGION.inventory.others[name].path for name in sorted(REGION.inventory.others)],
        reviewed=results("inventory/reviewed.gpkg"),
        contours=results("mapping/contours.gpkg"),
    output:
        page=results("inventory/review.html"),
    log:
        results("logs/review_page.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(20),
    params:
        fingerprint=fingerprint("review_page"),
        settings=SETTINGS,
        tiles=TILES,
        names=sorted(REGION.inventory.others),
    message:
        "Writing the review page"
    shell:
        command("review_page")


rule review_project:
    input:
        review=results("inventory/review.gpkg"),
        images=tile_images,
        contours=results("mapping/contours.gpkg"),
        decisions=decision_files(),
        probabilities=[results(f"mapping/{tile}_probability.tif") for tile in TILES],
        labels=results("labels/polygons.gpkg"),
        dem=optional(DEM),
    output:
        project=results("inventory/review.qgs"),
    log:
        results("logs/review_project.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("review_project"),
        settings=SETTINGS,
    message:
        "Writing the QGIS project of the review"
    shell:
        command("review_project")


rule apply_review:
    input:
        detections=results("mapping/detections.gpkg"),
        decisions=decision_files(),
    output:
        reviewed=results("inventory/reviewed.gpkg"),
        agreement=results("inventory/agreement.json"),
    log:
        results("logs/apply_review.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("apply_review"),
        settings=SETTINGS,
    message:
        "Applying the review decisions to the detections"
    shell:
        command("apply_review")


rule describe:
    input:
        outlines=outlines_to_describe,
        dem=optional(DEM),
        records=lambda wildcards: image_sidecars(wildcards, "_scene.tif"),
        facts=lambda wildcards: image_sidecars(wildcards, ".json"),
    output:
        described=results("inventory/described/{source}.gpkg"),
    log:
        results("logs/describe/{source}.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(60),
    params:
        fingerprint=fingerprint("describe"),
        settings=SETTINGS,
    message:
        "Measuring the landforms of {wildcards.source}"
    shell:
        command("describe")


rule compile_inventory:
    input:
        reviewed=results("inventory/described/reviewed.gpkg"),
        others=[results(f"inventory/described/{name}.gpkg") for name in sorted(REGION.inventory.others)],
        probabilities=[results(f"mapping/{tile}_probability.tif") for tile in TILES],
        previous=optional(REGION.inventory.previous),
    output:
        inventory=results("inventory/inventory.gpkg"),
        parquet=results("inventory/inventory.parquet"),
        csv=report(
            results("inventory/inventory.csv"),
            caption="../report/inventory.rst",
            category="Inventory",
            labels={"table": "inventory"},
        ),
        geojson=results("inventory/inventory.geojson"),
        shapefile=results("inventory/inventory.shp.zip"),
        summary=results("inventory/summary.json"),
    log:
        results("logs/compile_inventory.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        fingerprint=fingerprint("compile_inventory"),
        settings=SETTINGS,
        names=sorted(REGION.inventory.others),
    message:
        "Compiling the inventory"
    shell:
        command("compile_inventory")


rule translate_inventory:
    input:
        inventory=results("inventory/inventory.gpkg"),
        images=tile_images,
    output:
        translated=results("inventory/{standard}.gpkg"),
    log:
        results("logs/translate_inventory/{standard}.log"),
    wildcard_constraints:
        standard="rgik|paper",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("translate_inventory"),
        settings=SETTINGS,
    message:
        "Writing the inventory in the columns of {wildcards.standard}"
    shell:
        command("translate_inventory")


rule document_inventory:
    input:
        inventory=results("inventory/inventory.gpkg"),
        summary=results("inventory/summary.json"),
        model=results("training/model.safetensors"),
        facts=[results(f"imagery/{tile}.json") for tile in TILES],
        threshold=results("mapping/threshold.json"),
        accuracy=estimated_accuracy(),
    output:
        readme=results("inventory/README.md"),
        metadata=results("inventory/metadata.json"),
    log:
        results("logs/document_inventory.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("document_inventory"),
        settings=SETTINGS,
    message:
        "Writing the README and metadata of the inventory"
    shell:
        command("document_inventory")
