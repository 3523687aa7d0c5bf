"""Room `inventory`: a person's review, attributes, and one compiled product."""


rule review_sheet:
    input:
        detections=made("mapping/detections.gpkg"),
        others=[made(f"inventory/described/{name}.gpkg") for name in sorted(REGION.inventory.others)],
        reviewed=made("inventory/reviewed.gpkg"),
    output:
        review=made("inventory/review.gpkg"),
    log:
        made("logs/review_sheet.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("review_sheet"),
    message:
        "Laying out the detections for a person's review"
    shell:
        "lobate review-sheet --detections {input.detections:q} --others {input.others:q} --reviewed {input.reviewed:q}"
        " --review {output.review:q} --log {log:q}"


rule review_page:
    input:
        detections=made("mapping/detections.gpkg"),
        images=[made(f"imagery/{tile}.tif") for tile in TILES],
        others=[REGION.inventory.others[name].path for name in sorted(REGION.inventory.others)],
    output:
        page=made("inventory/review.html"),
    log:
        made("logs/review_page.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(20),
    params:
        stamp=stamp("review_page"),
        settings=SETTINGS,
        tiles=TILES,
        names=sorted(REGION.inventory.others),
    message:
        "Making the page in which a person reviews the detections"
    shell:
        "lobate review-page --detections {input.detections:q} --images {input.images:q} --tiles {params.tiles:q}"
        " --others {input.others:q} --names {params.names:q} --page {output.page:q}"
        " --settings {params.settings:q} --log {log:q}"


rule review_project:
    input:
        review=made("inventory/review.gpkg"),
        images=all_images,
    output:
        project=made("inventory/review.qgs"),
    log:
        made("logs/review_project.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("review_project"),
        settings=SETTINGS,
    message:
        "Writing a QGIS project for the review"
    shell:
        "lobate review-project --review {input.review:q} --images {input.images:q} --project {output.project:q}"
        " --settings {params.settings:q} --log {log:q}"


rule apply_review:
    input:
        detections=made("mapping/detections.gpkg"),
        decisions=decisions_files(),
    output:
        reviewed=made("inventory/reviewed.gpkg"),
        agreement=made("inventory/agreement.json"),
    log:
        made("logs/apply_review.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("apply_review"),
        settings=SETTINGS,
    message:
        "Applying a person's decisions to the detections"
    shell:
        "lobate apply-review --detections {input.detections:q} --decisions {input.decisions:q}"
        " --reviewed {output.reviewed:q} --agreement {output.agreement:q} --settings {params.settings:q} --log {log:q}"


rule describe:
    input:
        outlines=outlines_of,
        dem=optional(DEM),
        records=lambda wildcards: beside_images(wildcards, "_scene.tif"),
        facts=lambda wildcards: beside_images(wildcards, ".json"),
    output:
        described=made("inventory/described/{source}.gpkg"),
    log:
        made("logs/describe/{source}.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(60),
    params:
        stamp=stamp("describe"),
        settings=SETTINGS,
    message:
        "Measuring the landforms of {wildcards.source}"
    shell:
        "lobate describe --outlines {input.outlines:q} --dem {input.dem:q} --records {input.records:q}"
        " --facts {input.facts:q} --source {wildcards.source:q} --described {output.described:q}"
        " --settings {params.settings:q} --log {log:q}"


rule compile_inventory:
    input:
        reviewed=made("inventory/described/reviewed.gpkg"),
        others=[made(f"inventory/described/{name}.gpkg") for name in sorted(REGION.inventory.others)],
    output:
        inventory=made("inventory/inventory.gpkg"),
        parquet=made("inventory/inventory.parquet"),
        csv=report(
            made("inventory/inventory.csv"),
            caption="../report/inventory.rst",
            category="Inventory",
            labels={"table": "inventory"},
        ),
        geojson=made("inventory/inventory.geojson"),
        shapefile=made("inventory/inventory.shp.zip"),
        summary=made("inventory/summary.json"),
    log:
        made("logs/compile_inventory.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        stamp=stamp("compile_inventory"),
        settings=SETTINGS,
        names=sorted(REGION.inventory.others),
    message:
        "Compiling one inventory"
    shell:
        "lobate compile-inventory --reviewed {input.reviewed:q} --others {input.others:q} --names {params.names:q}"
        " --inventory {output.inventory:q} --parquet {output.parquet:q} --csv {output.csv:q}"
        " --geojson {output.geojson:q} --shapefile {output.shapefile:q}"
        " --summary {output.summary:q} --settings {params.settings:q} --log {log:q}"


rule translate_inventory:
    input:
        inventory=made("inventory/inventory.gpkg"),
        images=all_images,
    output:
        translated=made("inventory/{standard}.gpkg"),
    log:
        made("logs/translate_inventory/{standard}.log"),
    wildcard_constraints:
        standard="rgik|paper",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("translate_inventory"),
        settings=SETTINGS,
    message:
        "Writing the inventory in the columns of {wildcards.standard}"
    shell:
        "lobate translate-inventory --inventory {input.inventory:q} --images {input.images:q}"
        " --standard {wildcards.standard} --translated {output.translated:q} --settings {params.settings:q} --log {log:q}"


rule document_inventory:
    input:
        inventory=made("inventory/inventory.gpkg"),
        summary=made("inventory/summary.json"),
        model=made("training/model.safetensors"),
        facts=[made(f"imagery/{tile}.json") for tile in TILES],
    output:
        readme=made("inventory/README.md"),
        metadata=made("inventory/metadata.json"),
    log:
        made("logs/document_inventory.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        stamp=stamp("document_inventory"),
        settings=SETTINGS,
    message:
        "Writing what the inventory is made of"
    shell:
        "lobate document-inventory --inventory {input.inventory:q} --summary {input.summary:q} --model {input.model:q}"
        " --facts {input.facts:q} --readme {output.readme:q} --metadata {output.metadata:q}"
        " --settings {params.settings:q} --log {log:q}"
