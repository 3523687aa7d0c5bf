"""Room `labels`: hand-drawn outlines become label rasters."""


rule clean_labels:
    input:
        positives=drawn(REGION.labels.positives),
        negatives=drawn(REGION.labels.negatives),
        images=all_images,
        removed=optional(REGION.labels.removed),
        decisions=decisions_files(),
    output:
        polygons=made("labels/polygons.gpkg"),
    log:
        made("logs/clean_labels.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30 + len(TILES) // 10),
    params:
        stamp=stamp("clean_labels"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Cleaning the outlines"
    shell:
        "lobate clean-labels --positives {input.positives:q} --negatives {input.negatives:q}"
        " --images {input.images:q} --tiles {params.tiles:q} --removed {input.removed:q}"
        " --decisions {input.decisions:q}"
        " --polygons {output.polygons:q} --settings {params.settings:q} --log {log:q}"


rule rasterize_labels:
    input:
        image=made("imagery/{tile}.tif"),
        record=made("imagery/{tile}_scene.tif"),
        polygons=made("labels/polygons.gpkg"),
    output:
        label=made("labels/{tile}.tif"),
    log:
        made("logs/rasterize_labels/{tile}.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(20),
    params:
        stamp=stamp("rasterize_labels"),
        settings=SETTINGS,
    message:
        "Burning the outlines into the label raster of tile {wildcards.tile}"
    shell:
        "lobate rasterize-labels --image {input.image:q} --record {input.record:q}"
        " --polygons {input.polygons:q} --label {output.label:q} --settings {params.settings:q} --log {log:q}"
