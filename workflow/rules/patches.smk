"""Room `patches`: images and labels become training units, split into training and validation."""

# Only a split by the outlines' own field asks the outlines for it.
FOLD_FIELD = optional(made("labels/polygons.gpkg") if REGION.patches.split.method == "field" else None)


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
        polygons=FOLD_FIELD,
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
        " --leakage {output.leakage:q} --polygons {input.polygons:q}"
        " --settings {params.settings:q} --log {log:q}"


rule contact_sheet:
    input:
        patches=[made(f"patches/{tile}.npy") for tile in TILES],
        footprints=[made(f"patches/{tile}.gpkg") for tile in TILES],
        polygons=made("labels/polygons.gpkg"),
    output:
        sheet=made("patches/contact_sheet.png"),
    log:
        made("logs/contact_sheet.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        stamp=stamp("contact_sheet"),
        settings=SETTINGS,
    message:
        "Drawing a sample of the patches"
    shell:
        "lobate contact-sheet --patches {input.patches:q} --footprints {input.footprints:q}"
        " --polygons {input.polygons:q} --sheet {output.sheet:q} --settings {params.settings:q} --log {log:q}"


rule describe_dataset:
    input:
        split=made("patches/split.gpkg"),
        leakage=made("patches/leakage.json"),
        footprints=[made(f"patches/{tile}.gpkg") for tile in TILES],
        polygons=made("labels/polygons.gpkg"),
        facts=[made(f"imagery/{tile}.json") for tile in TILES],
    output:
        card=made("patches/README.md"),
    log:
        made("logs/describe_dataset.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        stamp=stamp("describe_dataset"),
        settings=SETTINGS,
    message:
        "Writing the card of the data set"
    shell:
        "lobate describe-dataset --split {input.split:q} --leakage {input.leakage:q}"
        " --footprints {input.footprints:q} --polygons {input.polygons:q} --facts {input.facts:q}"
        " --card {output.card:q} --settings {params.settings:q} --log {log:q}"
