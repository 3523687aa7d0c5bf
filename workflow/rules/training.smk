"""Room `training`: rounds of training and mining until the target is reached; all of them are planned from the start."""


rule train:
    input:
        patches=[made(f"patches/{tile}.npy") for tile in TILES],
        split=made("patches/split.gpkg"),
        mined=mined_before,
        before=before("verdict.json"),
        previous=before("model.safetensors"),
        previous_metrics=before("metrics.csv"),
        previous_events=before("events.out.tfevents.lobate"),
        weights=optional(weights_file()),
    output:
        model=made("training/round_{round}/model.safetensors"),
        metrics=made("training/round_{round}/metrics.csv"),
        verdict=made("training/round_{round}/verdict.json"),
        events=made("training/round_{round}/events.out.tfevents.lobate"),
    log:
        made("logs/train/round_{round}.log"),
    benchmark:
        made("benchmarks/train/round_{round}.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 16
    resources:
        gpu=gpu("train", REGION.training.gpus, tiles=TILES),
        mem_mb=memory(16000),
        runtime=minutes(1440, "train", tiles=TILES),
    params:
        stamp=stamp("train"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Round {wildcards.round}: training, unless an earlier round reached the target"
    shell:
        "LOBATE_GPUS={resources.gpu} lobate train --patches {input.patches:q} --tiles {params.tiles:q} --split {input.split:q}"
        " --mined {input.mined:q} --before {input.before:q} --previous {input.previous:q}"
        " --previous-metrics {input.previous_metrics:q} --previous-events {input.previous_events:q}"
        " --weights {input.weights:q} --round {wildcards.round} --model {output.model:q}"
        " --metrics {output.metrics:q} --verdict {output.verdict:q} --events {output.events:q}"
        " --settings {params.settings:q} --log {log:q}"


rule mine_negatives:
    input:
        model=made("training/round_{round}/model.safetensors"),
        verdict=made("training/round_{round}/verdict.json"),
        images=[made(f"imagery/{tile}.tif") for tile in TILES],
        labels=[made(f"labels/{tile}.tif") for tile in TILES],
        polygons=made("labels/polygons.gpkg"),
        split=made("patches/split.gpkg"),
        vetoes=optional(REGION.training.mining.vetoes),
        decisions=decisions_files(),
    output:
        negatives=made("training/round_{round}/negatives.gpkg"),
        mined=made("training/round_{round}/negatives.npy"),
    log:
        made("logs/mine_negatives/round_{round}.log"),
    benchmark:
        made("benchmarks/mine_negatives/round_{round}.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 16
    resources:
        gpu=gpu("mine_negatives", tiles=TILES),
        mem_mb=memory(8000),
        runtime=minutes(120 + 4 * len(TILES), "mine_negatives", tiles=TILES),
    params:
        stamp=stamp("mine_negatives"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Round {wildcards.round}: looking for wrong detections, unless the target is reached"
    shell:
        "lobate mine-negatives --model {input.model:q} --verdict {input.verdict:q}"
        " --images {input.images:q} --labels {input.labels:q} --tiles {params.tiles:q}"
        " --polygons {input.polygons:q} --split {input.split:q} --vetoes {input.vetoes:q}"
        " --decisions {input.decisions:q}"
        " --round {wildcards.round} --negatives {output.negatives:q} --mined {output.mined:q}"
        " --settings {params.settings:q} --log {log:q}"


rule choose_round:
    input:
        verdicts=[of_round("verdict.json", number) for number in ROUNDS],
        mined=[of_round("negatives.npy", number) for number in ROUNDS[:-1]],
        negatives=[of_round("negatives.gpkg", number) for number in ROUNDS[:-1]],
    output:
        chosen=made("training/chosen.json"),
        chosen_mined=made("training/chosen_negatives.npy"),
        chosen_negatives=made("training/chosen_negatives.gpkg"),
    log:
        made("logs/choose_round.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        stamp=stamp("choose_round"),
        settings=SETTINGS,
    message:
        "Gathering what the chosen round was trained with"
    shell:
        "lobate choose-round --verdicts {input.verdicts:q} --mined {input.mined:q} --negatives {input.negatives:q}"
        " --chosen {output.chosen:q} --chosen-mined {output.chosen_mined:q}"
        " --chosen-negatives {output.chosen_negatives:q}"
        " --settings {params.settings:q} --log {log:q}"


rule train_other:
    input:
        patches=[made(f"patches/{tile}.npy") for tile in TILES],
        split=made("patches/split.gpkg"),
        chosen=made("training/chosen.json"),
        mined=made("training/chosen_negatives.npy"),
        negatives=made("training/chosen_negatives.gpkg"),
        weights=optional(weights_file()),
    output:
        other=made("training/other_protocol.json"),
        metrics=made("training/other_protocol.csv"),
    log:
        made("logs/train_other.log"),
    benchmark:
        made("benchmarks/train_other.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 16
    resources:
        gpu=gpu("train_other", REGION.training.gpus, tiles=TILES),
        mem_mb=memory(16000),
        runtime=minutes(1440, "train_other", tiles=TILES),
    params:
        stamp=stamp("train_other"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Training the chosen round once more, on the other protocol's split"
    shell:
        "LOBATE_GPUS={resources.gpu} lobate train-other --patches {input.patches:q} --tiles {params.tiles:q}"
        " --split {input.split:q} --chosen {input.chosen:q} --mined {input.mined:q} --negatives {input.negatives:q}"
        " --weights {input.weights:q} --other {output.other:q} --metrics {output.metrics:q}"
        " --settings {params.settings:q} --log {log:q}"


rule cross_validate:
    input:
        patches=[made(f"patches/{tile}.npy") for tile in TILES],
        split=made("patches/split.gpkg"),
        chosen=made("training/chosen.json"),
        mined=made("training/chosen_negatives.npy"),
        negatives=made("training/chosen_negatives.gpkg"),
        weights=optional(weights_file()),
    output:
        verdict=made("training/fold_{fold}/verdict.json"),
        metrics=made("training/fold_{fold}/metrics.csv"),
    log:
        made("logs/cross_validate/fold_{fold}.log"),
    benchmark:
        made("benchmarks/cross_validate/fold_{fold}.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 16
    resources:
        gpu=gpu("cross_validate", REGION.training.gpus, tiles=TILES),
        mem_mb=memory(16000),
        runtime=minutes(1440, "cross_validate", tiles=TILES),
    params:
        stamp=stamp("cross_validate"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Training the chosen round once more, with fold {wildcards.fold} held back"
    shell:
        "LOBATE_GPUS={resources.gpu} lobate cross-validate --patches {input.patches:q} --tiles {params.tiles:q}"
        " --split {input.split:q} --chosen {input.chosen:q} --mined {input.mined:q} --negatives {input.negatives:q}"
        " --weights {input.weights:q} --fold {wildcards.fold} --verdict {output.verdict:q} --metrics {output.metrics:q}"
        " --settings {params.settings:q} --log {log:q}"


rule select_model:
    input:
        verdicts=[of_round("verdict.json", number) for number in ROUNDS],
        models=[of_round("model.safetensors", number) for number in ROUNDS],
        other=[made("training/other_protocol.json")] * REGION.training.both_protocols,
        folds=[made(f"training/fold_{fold}/verdict.json") for fold in range(REGION.patches.split.folds)],
        leakage=made("patches/leakage.json"),
        split=made("patches/split.gpkg"),
        facts=[made(f"imagery/{tile}.json") for tile in TILES],
    output:
        model=made("training/model.safetensors"),
        selection=made("training/selection.json"),
        stac=made("training/model.stac.json"),
    log:
        made("logs/select_model.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        stamp=stamp("select_model"),
        settings=SETTINGS,
    message:
        "Choosing the model of the first round that reached the target"
    shell:
        "lobate select-model --verdicts {input.verdicts:q} --models {input.models:q} --other {input.other:q}"
        " --folds {input.folds:q} --leakage {input.leakage:q} --split {input.split:q} --facts {input.facts:q}"
        " --model {output.model:q} --selection {output.selection:q} --stac {output.stac:q}"
        " --settings {params.settings:q} --log {log:q}"
