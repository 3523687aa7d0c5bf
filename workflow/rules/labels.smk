"""Room `labels`: hand-drawn outlines become label rasters."""


rule clean_labels:
    input:
        positives=outline_files(REGION.labels.positives),
        negatives=outline_files(REGION.labels.negatives),
        images=tile_images,
        removed=optional(REGION.labels.removed),
        decisions=decision_files(),
    output:
        polygons=results("labels/polygons.gpkg"),
        drawn=test_side(results("labels/drawn.gpkg")),
    log:
        results("logs/clean_labels.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30 + len(TILES) // 10),
    params:
        fingerprint=fingerprint("clean_labels"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Cleaning the outlines"
    shell:
        command("clean_labels")


rule reserve_test:
    input:
        drawn=results("labels/drawn.gpkg"),
        images=tile_images,
        region=test_region(),
    output:
        reserved=results("labels/test_side.gpkg"),
    log:
        results("logs/reserve_test.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        fingerprint=fingerprint("reserve_test"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Reserving the ground of the test side"
    shell:
        command("reserve_test")


rule rasterize_labels:
    input:
        image=results("imagery/{tile}.tif"),
        record=results("imagery/{tile}_scene.tif"),
        polygons=results("labels/polygons.gpkg"),
        reserved=test_side(results("labels/test_side.gpkg")),
    output:
        label=results("labels/{tile}.tif"),
        test_label=test_side(results("labels/test/{tile}.tif")),
    log:
        results("logs/rasterize_labels/{tile}.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(20),
    params:
        fingerprint=fingerprint("rasterize_labels"),
        settings=SETTINGS,
    message:
        "Rasterizing the labels of tile {wildcards.tile}"
    shell:
        command("rasterize_labels")
