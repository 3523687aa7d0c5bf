"""The embedded example: a synthetic world with known truth, for configurations with a section `example`."""

if REGION.example:

    rule make_example:
        output:
            scenes=[directory(scene) for tile in TILES for scene in SCENES[tile]],
            positives=REGION.labels.positives[0].path,
            negatives=REGION.labels.negatives[0].path,
            removed=REGION.labels.removed,
            complete=REGION.labels.complete,
            dem=REGION.inventory.dem,
            insar=REGION.inventory.others["insar"].path,
            truth=REGION.example.truth,
        log:
            results("logs/make_example.log"),
        conda:
            "../../envs/environment.yaml"
        resources:
            mem_mb=memory(2000),
            runtime=minutes(10),
        params:
            fingerprint=fingerprint("make_example"),
            settings=SETTINGS,
        message:
            f"Generating a synthetic world of {REGION.example.landforms} landforms"
        shell:
            command("make_example")
