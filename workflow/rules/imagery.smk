"""Room `imagery`: scenes become one 8-bit image a tile."""


rule find_scenes:
    input:
        area=optional(REGION.imagery.find.area if REGION.imagery.find else None),
    output:
        table=made("imagery/scenes.tsv"),
        coverage=made("imagery/coverage.png"),
    log:
        made("logs/find_scenes.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        stamp=stamp("find_scenes"),
        settings=SETTINGS,
    message:
        "Asking the catalogue for scenes of the region"
    shell:
        "lobate find-scenes --area {input.area:q} --table {output.table:q} --coverage {output.coverage:q}"
        " --settings {params.settings:q} --log {log:q}"


rule measure_stretch:
    input:
        scenes=[scene for tile in TILES for scene in SCENES[tile]],
    output:
        stretch=made("imagery/stretch.json"),
    log:
        made("logs/measure_stretch.log"),
    benchmark:
        made("benchmarks/measure_stretch.tsv")
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(10 + 2 * len(TILES)),
    params:
        tiles=[tile for tile in TILES for _ in SCENES[tile]],
        stamp=stamp("measure_stretch"),
        settings=SETTINGS,
    message:
        "Measuring the range of reflectance on all tiles"
    shell:
        "lobate measure-stretch --scenes {input.scenes:q} --tiles {params.tiles:q}"
        " --stretch {output.stretch:q} --settings {params.settings:q} --log {log:q}"


rule compose_rgb:
    input:
        scenes=lambda wildcards: SCENES[wildcards.tile],
        measured=(made("imagery/stretch.json") if REGION.imagery.stretch.method == "percentiles" else []),
    output:
        image=made("imagery/{tile}.tif"),
        record=made("imagery/{tile}_scene.tif"),
        facts=made("imagery/{tile}.json"),
    log:
        made("logs/compose_rgb/{tile}.log"),
    benchmark:
        made("benchmarks/compose_rgb/{tile}.tsv")
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        stamp=stamp("compose_rgb"),
        settings=SETTINGS,
    message:
        "Composing the image of tile {wildcards.tile}"
    shell:
        "lobate compose-rgb --scenes {input.scenes:q} --measured {input.measured:q}"
        " --image {output.image:q} --record {output.record:q} --facts {output.facts:q}"
        " --settings {params.settings:q} --log {log:q}"
