"""Room `imagery`: scenes become one 8-bit image a tile."""


rule find_scenes:
    input:
        area=optional(REGION.imagery.find.area if REGION.imagery.find else None),
    output:
        table=made("imagery/scenes.tsv"),
        coverage=made("imagery/coverage.png"),
    log:
        made("logs/find_scenes.log"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        stamp=stamp("find_scenes"),
        settings=SETTINGS,
    message:
        "Asking the catalogue for scenes of the region"
    shell:
        "lobate find-scenes --area {input.area:q} --table {output.table:q} --coverage {output.coverage:q}"
        " --settings {params.settings:q} --log {log:q}"


# Scenes and elevation come from outside: a change of lobate's code does not fetch them again, nor does one of the table in
# other lines. They are fetched where Snakemake runs, since a cluster's nodes often have no way out.
rule fetch_scene:
    input:
        table=ancient(optional(REGION.imagery.scenes)),
    output:
        manifest="resources/scenes/{scene}/checksums.json",
    log:
        made("logs/fetch_scene/{scene}.log"),
    retries: 2
    localrule: True
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        fetches=1,
        mem_mb=memory(500),
        runtime=minutes(120),
    params:
        origin=lambda wildcards: ORIGINS.get(wildcards.scene, ""),
        bands=REGION.imagery.bands,
        settings=SETTINGS,
    message:
        "Fetching scene {wildcards.scene}"
    shell:
        "lobate fetch-scene --table {input.table:q} --scene {wildcards.scene:q} --manifest {output.manifest:q}"
        " --settings {params.settings:q} --log {log:q}"


rule fetch_dem:
    input:
        area=optional(REGION.imagery.find.area if REGION.imagery.find else None),
    output:
        dem=fetched_dem(REGION.region),
    log:
        made("logs/fetch_dem.log"),
    retries: 2
    localrule: True
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        fetches=1,
        mem_mb=memory(1500),
        runtime=minutes(120),
    params:
        collection=REGION.imagery.catalogue.dem_collection,
        settings=SETTINGS,
    message:
        "Fetching elevation of the region"
    shell:
        "lobate fetch-dem --area {input.area:q} --dem {output.dem:q} --settings {params.settings:q} --log {log:q}"


# A DEM in several files becomes one; one in a single file stays where it is.
DEM_TILES = REGION.inventory.dem if isinstance(REGION.inventory.dem, list) else []
DEM = made("imagery/dem.tif") if DEM_TILES else REGION.inventory.dem


rule mosaic_dem:
    input:
        tiles=DEM_TILES,
    output:
        dem=made("imagery/dem.tif"),
    log:
        made("logs/mosaic_dem.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
    params:
        stamp=stamp("mosaic_dem"),
        settings=SETTINGS,
    message:
        "Joining elevation of several files"
    shell:
        "lobate mosaic-dem --tiles {input.tiles:q} --dem {output.dem:q} --log {log:q}"


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
