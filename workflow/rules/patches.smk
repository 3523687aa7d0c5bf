"""Room `patches`: images and labels become training units, split into training and validation."""


rule crop_patches:
    input:
        image=made("imagery/{tile}.tif"),
        label=made("labels/{tile}.tif"),
        polygons=made("labels/polygons.gpkg"),
    output:
        patches=made("patches/{tile}.npy"),
        footprints=made("patches/{tile}.gpkg"),
    log:
        made("logs/crop_patches/{tile}.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        stamp=stamp("crop_patches"),
        settings=SETTINGS,
    message:
        "Cutting patches from tile {wildcards.tile}"
    shell:
        "lobate crop-patches --image {input.image:q} --label {input.label:q}"
        " --polygons {input.polygons:q} --tile {wildcards.tile:q} --patches {output.patches:q}"
        " --footprints {output.footprints:q} --settings {params.settings:q} --log {log:q}"


rule split_patches:
    input:
        footprints=[made(f"patches/{tile}.gpkg") for tile in TILES],
    output:
        split=made("patches/split.gpkg"),
        leakage=made("patches/leakage.json"),
    log:
        made("logs/split_patches.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        stamp=stamp("split_patches"),
        settings=SETTINGS,
    message:
        "Splitting the patches into training and validation"
    shell:
        "lobate split-patches --footprints {input.footprints:q} --split {output.split:q}"
        " --leakage {output.leakage:q} --settings {params.settings:q} --log {log:q}"
