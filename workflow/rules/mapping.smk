"""Room `mapping`: the model becomes scored detections."""


rule predict:
    input:
        image=made("imagery/{tile}.tif"),
        model=made("training/model.safetensors"),
        more_models=REGION.mapping.predict.ensemble,
    output:
        probability=made("mapping/{tile}_probability.tif"),
    log:
        made("logs/predict/{tile}.log"),
    benchmark:
        made("benchmarks/predict/{tile}.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 8
    resources:
        gpu=gpu("predict"),
        mem_mb=memory(6000),
        runtime=minutes(120, "predict"),
    params:
        stamp=stamp("predict"),
        settings=SETTINGS,
    message:
        "Mapping tile {wildcards.tile}"
    shell:
        "lobate predict --image {input.image:q} --model {input.model:q}"
        " --more-models {input.more_models:q} --probability {output.probability:q} --settings {params.settings:q} --log {log:q}"


rule vectorize:
    input:
        probability=made("mapping/{tile}_probability.tif"),
        model=made("training/model.safetensors"),
    output:
        detections=made("mapping/{tile}_detections.gpkg"),
    log:
        made("logs/vectorize/{tile}.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(30),
    params:
        stamp=stamp("vectorize"),
        settings=SETTINGS,
    message:
        "Outlining the detections of tile {wildcards.tile}"
    shell:
        "lobate vectorize --probability {input.probability:q} --model {input.model:q}"
        " --tile {wildcards.tile:q} --detections {output.detections:q} --settings {params.settings:q} --log {log:q}"


rule merge_detections:
    input:
        detections=[made(f"mapping/{tile}_detections.gpkg") for tile in TILES],
        probabilities=[made(f"mapping/{tile}_probability.tif") for tile in TILES],
    output:
        merged=made("mapping/merged.gpkg"),
    log:
        made("logs/merge_detections.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000, times_input=20),
        runtime=minutes(30),
    params:
        stamp=stamp("merge_detections"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Merging bodies that several tiles saw"
    shell:
        "lobate merge-detections --detections {input.detections:q} --probabilities {input.probabilities:q}"
        " --tiles {params.tiles:q} --merged {output.merged:q} --settings {params.settings:q} --log {log:q}"


rule filter_detections:
    input:
        merged=made("mapping/merged.gpkg"),
        dem=optional(DEM),
        occurrences=[one.path for one in REGION.mapping.filter.occurrence_files],
    output:
        detections=made("mapping/detections.gpkg"),
    log:
        made("logs/filter_detections.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(30),
    params:
        stamp=stamp("filter_detections"),
        settings=SETTINGS,
    message:
        "Removing detections that are too small"
    shell:
        "lobate filter-detections --merged {input.merged:q} --dem {input.dem:q}"
        " --occurrences {input.occurrences:q} --detections {output.detections:q} --settings {params.settings:q} --log {log:q}"


rule score:
    input:
        detections=made("mapping/detections.gpkg"),
        reference=reference_outlines(),
        probabilities=[made(f"mapping/{tile}_probability.tif") for tile in TILES],
        split=made("patches/split.gpkg"),
        known=made("labels/polygons.gpkg"),
        mined=made("training/chosen_negatives.gpkg"),
    output:
        scores=made("mapping/scores.json"),
        cases=made("mapping/cases.gpkg"),
    log:
        made("logs/score.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(30 + len(TILES) // 4),
    params:
        stamp=stamp("score"),
        settings=SETTINGS,
    message:
        "Scoring the detections"
    shell:
        "lobate score --detections {input.detections:q} --reference {input.reference:q}"
        " --probabilities {input.probabilities:q} --split {input.split:q} --known {input.known:q}"
        " --mined {input.mined:q} --scores {output.scores:q} --cases {output.cases:q}"
        " --settings {params.settings:q} --log {log:q}"
