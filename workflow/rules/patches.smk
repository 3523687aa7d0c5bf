"""Room `patches`: images and labels are cut into patches, split into training and validation."""

# Only a split by a field of the outlines reads the outlines.
FOLD_FIELD = optional(results("labels/polygons.gpkg") if REGION.patches.split.method == "field" else None)


rule crop_patches:
    input:
        image=results("imagery/{tile}.tif"),
        label=results("labels/{tile}.tif"),
        polygons=results("labels/polygons.gpkg"),
        reserved=test_side(results("labels/test_side.gpkg")),
        test_label=test_side(results("labels/test/{tile}.tif")),
    output:
        patches=results("patches/{tile}.npy"),
        footprints=results("patches/{tile}.gpkg"),
        test_patches=test_side(results("patches/test/{tile}.npy")),
        test_footprints=test_side(results("patches/test/{tile}.gpkg")),
    log:
        results("logs/crop_patches/{tile}.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        fingerprint=fingerprint("crop_patches"),
        settings=SETTINGS,
    message:
        "Cutting patches from tile {wildcards.tile}"
    shell:
        command("crop_patches")


rule split_patches:
    input:
        footprints=[results(f"patches/{tile}.gpkg") for tile in TILES],
        polygons=FOLD_FIELD,
        test_footprints=test_side([results(f"patches/test/{tile}.gpkg") for tile in TILES]),
    output:
        split=results("patches/split.gpkg"),
        leakage=results("patches/leakage.json"),
    log:
        results("logs/split_patches.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        fingerprint=fingerprint("split_patches"),
        settings=SETTINGS,
    message:
        "Splitting the patches into training and validation"
    shell:
        command("split_patches")


rule contact_sheet:
    input:
        patches=[results(f"patches/{tile}.npy") for tile in TILES],
        footprints=[results(f"patches/{tile}.gpkg") for tile in TILES],
        polygons=results("labels/polygons.gpkg"),
    output:
        sheet=results("patches/contact_sheet.png"),
    log:
        results("logs/contact_sheet.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        fingerprint=fingerprint("contact_sheet"),
        settings=SETTINGS,
    message:
        "Drawing a sample of the patches"
    shell:
        command("contact_sheet")


rule describe_dataset:
    input:
        split=results("patches/split.gpkg"),
        leakage=results("patches/leakage.json"),
        footprints=[results(f"patches/{tile}.gpkg") for tile in TILES],
        polygons=results("labels/polygons.gpkg"),
        facts=[results(f"imagery/{tile}.json") for tile in TILES],
    output:
        card=results("patches/README.md"),
    log:
        results("logs/describe_dataset.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("describe_dataset"),
        settings=SETTINGS,
    message:
        "Writing the dataset card"
    shell:
        command("describe_dataset")
