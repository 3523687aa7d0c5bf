"""Room `training`: rounds of training and mining until the target is reached; all of them are planned from the start."""


rule train:
    input:
        patches=[results(f"patches/{tile}.npy") for tile in TILES],
        split=results("patches/split.gpkg"),
        mined=earlier_rounds("negatives.npy"),
        ignored=earlier_rounds("ignored.npy"),
        before=previous_round("judged.json"),
        previous=previous_round("model.safetensors"),
        previous_metrics=previous_round("metrics.csv"),
        previous_events=previous_round("events.out.tfevents.lobate"),
        weights=optional(weights_file()),
    output:
        model=results("training/round_{round}/model.safetensors"),
        metrics=results("training/round_{round}/metrics.csv"),
        verdict=results("training/round_{round}/verdict.json"),
        events=results("training/round_{round}/events.out.tfevents.lobate"),
    log:
        results("logs/train/round_{round}.log"),
    benchmark:
        results("benchmarks/train/round_{round}.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 16
    resources:
        gpu=gpu("train", REGION.training.gpus, tiles=TILES),
        mem_mb=memory(16000),
        runtime=minutes(1440, "train", tiles=TILES),
    params:
        fingerprint=fingerprint("train"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Training round {wildcards.round}, unless an earlier round reached the target"
    shell:
        command("train", environment="LOBATE_GPUS={resources.gpu}")


rule judge_round:
    input:
        model=results("training/round_{round}/model.safetensors"),
        verdict=results("training/round_{round}/verdict.json"),
        images=[results(f"imagery/{tile}.tif") for tile in TILES],
        labels=[results(f"labels/{tile}.tif") for tile in TILES],
        split=results("patches/split.gpkg"),
    output:
        judged=results("training/round_{round}/judged.json"),
    log:
        results("logs/judge_round/round_{round}.log"),
    benchmark:
        results("benchmarks/judge_round/round_{round}.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 16
    resources:
        gpu=gpu("judge_round", tiles=TILES),
        mem_mb=memory(8000),
        runtime=minutes(60 + 2 * len(TILES), "judge_round", tiles=TILES),
    params:
        fingerprint=fingerprint("judge_round"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Judging round {wildcards.round} on validation ground"
    shell:
        command("judge_round")


rule mine_negatives:
    input:
        model=results("training/round_{round}/model.safetensors"),
        verdict=results("training/round_{round}/judged.json"),
        images=[results(f"imagery/{tile}.tif") for tile in TILES],
        labels=[results(f"labels/{tile}.tif") for tile in TILES],
        polygons=results("labels/polygons.gpkg"),
        split=results("patches/split.gpkg"),
        footprints=[results(f"patches/{tile}.gpkg") for tile in TILES],
        vetoes=optional(REGION.training.mining.vetoes),
        decisions=decision_files(),
        complete=drawn_areas(),
        earlier=earlier_rounds("negatives.gpkg"),
        reserved=test_side(results("labels/test_side.gpkg")),
    output:
        negatives=results("training/round_{round}/negatives.gpkg"),
        mined=results("training/round_{round}/negatives.npy"),
        ignored=results("training/round_{round}/ignored.npy"),
        candidates=results("training/round_{round}/candidates.gpkg"),
    log:
        results("logs/mine_negatives/round_{round}.log"),
    benchmark:
        results("benchmarks/mine_negatives/round_{round}.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 16
    resources:
        gpu=gpu("mine_negatives", tiles=TILES),
        mem_mb=memory(8000),
        runtime=minutes(120 + 4 * len(TILES), "mine_negatives", tiles=TILES),
    params:
        fingerprint=fingerprint("mine_negatives"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Mining negatives of round {wildcards.round}, unless the target is reached"
    shell:
        command("mine_negatives")


rule choose_round:
    input:
        verdicts=[round_file("judged.json", number) for number in ROUNDS],
        mined=[round_file("negatives.npy", number) for number in ROUNDS[:-1]],
        negatives=[round_file("negatives.gpkg", number) for number in ROUNDS[:-1]],
        ignored=[round_file("ignored.npy", number) for number in ROUNDS[:-1]],
    output:
        chosen=results("training/chosen.json"),
        chosen_mined=results("training/chosen_negatives.npy"),
        chosen_negatives=results("training/chosen_negatives.gpkg"),
        chosen_ignored=results("training/chosen_ignored.npy"),
    log:
        results("logs/choose_round.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        fingerprint=fingerprint("choose_round"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Collecting the training data of the chosen round"
    shell:
        command("choose_round")


rule train_other:
    input:
        patches=[results(f"patches/{tile}.npy") for tile in TILES],
        split=results("patches/split.gpkg"),
        chosen=results("training/chosen.json"),
        mined=results("training/chosen_negatives.npy"),
        negatives=results("training/chosen_negatives.gpkg"),
        ignored=results("training/chosen_ignored.npy"),
        weights=optional(weights_file()),
    output:
        other=results("training/other_protocol.json"),
        metrics=results("training/other_protocol.csv"),
    log:
        results("logs/train_other.log"),
    benchmark:
        results("benchmarks/train_other.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 16
    resources:
        gpu=gpu("train_other", REGION.training.gpus, tiles=TILES),
        mem_mb=memory(16000),
        runtime=minutes(1440, "train_other", tiles=TILES),
    params:
        fingerprint=fingerprint("train_other"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Training the chosen round again on the other protocol's split"
    shell:
        command("train_other", environment="LOBATE_GPUS={resources.gpu}")


rule cross_validate:
    input:
        patches=[results(f"patches/{tile}.npy") for tile in TILES],
        split=results("patches/split.gpkg"),
        chosen=results("training/chosen.json"),
        mined=results("training/chosen_negatives.npy"),
        negatives=results("training/chosen_negatives.gpkg"),
        ignored=results("training/chosen_ignored.npy"),
        weights=optional(weights_file()),
    output:
        verdict=results("training/fold_{fold}/verdict.json"),
        metrics=results("training/fold_{fold}/metrics.csv"),
    log:
        results("logs/cross_validate/fold_{fold}.log"),
    benchmark:
        results("benchmarks/cross_validate/fold_{fold}.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 16
    resources:
        gpu=gpu("cross_validate", REGION.training.gpus, tiles=TILES),
        mem_mb=memory(16000),
        runtime=minutes(1440, "cross_validate", tiles=TILES),
    params:
        fingerprint=fingerprint("cross_validate"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Training the chosen round again without fold {wildcards.fold}"
    shell:
        command("cross_validate", environment="LOBATE_GPUS={resources.gpu}")


rule select_model:
    input:
        verdicts=[round_file("judged.json", number) for number in ROUNDS],
        models=[round_file("model.safetensors", number) for number in ROUNDS],
        other=[results("training/other_protocol.json")] * REGION.training.both_protocols,
        folds=[results(f"training/fold_{fold}/verdict.json") for fold in range(REGION.patches.split.folds)],
        leakage=results("patches/leakage.json"),
        split=results("patches/split.gpkg"),
        facts=[results(f"imagery/{tile}.json") for tile in TILES],
    output:
        model=results("training/model.safetensors"),
        selection=results("training/selection.json"),
        stac=results("training/model.stac.json"),
    log:
        results("logs/select_model.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        fingerprint=fingerprint("select_model"),
        settings=SETTINGS,
    message:
        "Selecting the model of the first round that reached the target"
    shell:
        command("select_model")


rule evaluate_test:
    input:
        model=results("training/model.safetensors"),
        patches=[results(f"patches/test/{tile}.npy") for tile in TILES],
        footprints=[results(f"patches/test/{tile}.gpkg") for tile in TILES],
        reserved=results("labels/test_side.gpkg"),
    output:
        scores=results("training/test_scores.json"),
    log:
        results("logs/evaluate_test.log"),
    benchmark:
        results("benchmarks/evaluate_test.tsv")
    conda:
        "../../envs/environment.yaml"
    threads: 16
    resources:
        gpu=gpu("evaluate_test", tiles=TILES),
        mem_mb=memory(8000),
        runtime=minutes(120, "evaluate_test", tiles=TILES),
    params:
        fingerprint=fingerprint("evaluate_test"),
        settings=SETTINGS,
        tiles=TILES,
    message:
        "Evaluating the chosen model on the test side"
    shell:
        command("evaluate_test")


rule record_test:
    input:
        scores=results("training/test_scores.json"),
    output:
        test=results("training/test.json"),
    log:
        results("logs/record_test.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        fingerprint=fingerprint("record_test"),
    message:
        "Counting the models that this test side has judged"
    shell:
        command("record_test")
