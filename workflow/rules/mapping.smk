"""Room `mapping`: the model maps all tiles; the detections are merged, filtered and scored."""


rule predict:
    input:
        image=results("imagery/{tile}.tif"),
        model=results("training/model.safetensors"),
        more_models=REGION.mapping.predict.ensemble,
    output:
        probability=results("mapping/{tile}_probability.tif"),
        style=results("mapping/{tile}_probability.qml"),
    log:
        results("logs/predict/{tile}.log"),
    benchmark:
        results("benchmarks/predict/{tile}.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 8
    resources:
        gpu=gpu("predict"),
        mem_mb=memory(6000),
        runtime=minutes(120, "predict"),
    params:
        fingerprint=fingerprint("predict"),
        settings=SETTINGS,
    message:
        "Mapping tile {wildcards.tile}"
    shell:
        command("predict")


rule choose_threshold:
    input:
        probabilities=[results(f"mapping/{tile}_probability.tif") for tile in TILES],
        labels=[results(f"labels/{tile}.tif") for tile in TILES],
        split=results("patches/split.gpkg"),
        mined=results("training/chosen_negatives.gpkg"),
        complete=drawn_areas(),
        reserved=test_side(results("labels/test_side.gpkg")),
    output:
        threshold=results("mapping/threshold.json"),
    log:
        results("logs/choose_threshold.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(20 + len(TILES) // 10),
    params:
        fingerprint=fingerprint("choose_threshold"),
        settings=SETTINGS,
    message:
        "Choosing the threshold of the map, and measuring its calibration"
    shell:
        command("choose_threshold")


rule vectorize:
    input:
        probability=results("mapping/{tile}_probability.tif"),
        chosen=chosen_threshold(),
    output:
        detections=results("mapping/{tile}_detections.gpkg"),
    log:
        results("logs/vectorize/{tile}.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(30),
    params:
        fingerprint=fingerprint("vectorize"),
        settings=SETTINGS,
    message:
        "Vectorizing the detections of tile {wildcards.tile}"
    shell:
        command("vectorize")


rule merge_detections:
    input:
        detections=[results(f"mapping/{tile}_detections.gpkg") for tile in TILES],
        probabilities=[results(f"mapping/{tile}_probability.tif") for tile in TILES],
    output:
        merged=results("mapping/merged.gpkg"),
    log:
        results("logs/merge_detections.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000, times_input=20),
        runtime=minutes(30),
    params:
        fingerprint=fingerprint("merge_detections"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Merging the detections of neighbouring tiles"
    shell:
        command("merge_detections")


rule filter_detections:
    input:
        merged=results("mapping/merged.gpkg"),
        dem=optional(DEM),
        occurrences=[file.path for file in REGION.mapping.filter.occurrence_files],
    output:
        detections=results("mapping/detections.gpkg"),
    log:
        results("logs/filter_detections.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(30),
    params:
        fingerprint=fingerprint("filter_detections"),
        settings=SETTINGS,
    message:
        "Filtering the detections"
    shell:
        command("filter_detections")


rule contour_detections:
    input:
        detections=results("mapping/detections.gpkg"),
        probabilities=[results(f"mapping/{tile}_probability.tif") for tile in TILES],
        threshold=results("mapping/threshold.json"),
    output:
        contours=results("mapping/contours.gpkg"),
    log:
        results("logs/contour_detections.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(30 + len(TILES)),
    params:
        fingerprint=fingerprint("contour_detections"),
        settings=SETTINGS,
    message:
        "Drawing contours of the detections at two calibrated shares"
    shell:
        command("contour_detections")


rule score:
    input:
        detections=results("mapping/detections.gpkg"),
        reference=reference_outlines(),
        probabilities=[results(f"mapping/{tile}_probability.tif") for tile in TILES],
        split=results("patches/split.gpkg"),
        known=results("labels/polygons.gpkg"),
        mined=results("training/chosen_negatives.gpkg"),
        decisions=decision_files(),
        complete=drawn_areas(),
        dem=optional(DEM),
    output:
        scores=results("mapping/scores.json"),
        cases=results("mapping/cases.gpkg"),
    log:
        results("logs/score.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(30 + len(TILES) // 4),
    params:
        fingerprint=fingerprint("score"),
        settings=SETTINGS,
    message:
        "Scoring the detections"
    shell:
        command("score")


if REGION.mapping.accuracy:

    rule estimate_accuracy:
        input:
            frozen=REGION.mapping.accuracy.frozen,
            answers=REGION.mapping.accuracy.answers,
            second_look=optional(REGION.mapping.accuracy.second_look),
            detections=results("mapping/detections.gpkg"),
            probabilities=[results(f"mapping/{tile}_probability.tif") for tile in TILES],
        output:
            accuracy=results("mapping/accuracy.json"),
        log:
            results("logs/estimate_accuracy.log"),
        conda:
            "../../envs/environment.yaml"
        resources:
            mem_mb=memory(1000),
            runtime=minutes(10),
        params:
            fingerprint=fingerprint("estimate_accuracy"),
        message:
            "Estimating the accuracy of the map from the answers to its sample"
        shell:
            command("estimate_accuracy")
