"""Room `imagery`: scenes become one 8-bit image per tile."""


rule find_scenes:
    input:
        area=optional(REGION.imagery.find.area if REGION.imagery.find else None),
    output:
        table=results("imagery/scenes.tsv"),
        coverage=results("imagery/coverage.png"),
        collection=results("imagery/scenes.geojson"),
    log:
        results("logs/find_scenes.log"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        fingerprint=fingerprint("find_scenes"),
        settings=SETTINGS,
    message:
        "Searching the catalogue for scenes of the region"
    shell:
        command("find_scenes")


# Fetch rules have no fingerprint: neither a change of lobate's code nor one in other lines of the table fetches a scene again.
# They run where Snakemake runs, since a cluster's nodes often have no network.
rule fetch_scene:
    input:
        table=ancient(optional(REGION.imagery.scenes)),
    output:
        manifest="resources/scenes/{scene}/checksums.json",
    log:
        results("logs/fetch_scene/{scene}.log"),
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
        origin=lambda wildcards: SCENE_SOURCES.get(wildcards.scene, ""),
        bands=REGION.imagery.bands,
        settings=SETTINGS,
    message:
        "Fetching scene {wildcards.scene}"
    shell:
        command("fetch_scene")


rule fetch_dem:
    input:
        area=optional(REGION.imagery.find.area if REGION.imagery.find else None),
    output:
        dem=fetched_dem_path(REGION.region),
    log:
        results("logs/fetch_dem.log"),
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
        collection=dem_collection(REGION.imagery.catalogue),
        settings=SETTINGS,
    message:
        "Fetching the elevation of the region"
    shell:
        command("fetch_dem")


# Several DEM files are joined into one; a single file is used in place.
DEM_TILES = REGION.inventory.dem if isinstance(REGION.inventory.dem, list) else []
DEM = results("imagery/dem.tif") if DEM_TILES else REGION.inventory.dem


rule mosaic_dem:
    input:
        tiles=DEM_TILES,
    output:
        dem=results("imagery/dem.tif"),
    log:
        results("logs/mosaic_dem.log"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
    params:
        fingerprint=fingerprint("mosaic_dem"),
        settings=SETTINGS,
    message:
        "Joining the elevation files"
    shell:
        command("mosaic_dem")


rule measure_stretch:
    input:
        scenes=[scene for tile in TILES for scene in SCENES[tile]],
    output:
        stretch=results("imagery/stretch.json"),
    log:
        results("logs/measure_stretch.log"),
    benchmark:
        results("benchmarks/measure_stretch.tsv")
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(10 + 2 * len(TILES)),
    params:
        tiles=[tile for tile in TILES for _ in SCENES[tile]],
        fingerprint=fingerprint("measure_stretch"),
        settings=SETTINGS,
    message:
        "Measuring the reflectance range on all tiles"
    shell:
        command("measure_stretch")


rule compose_rgb:
    input:
        scenes=lambda wildcards: SCENES[wildcards.tile],
        measured=(results("imagery/stretch.json") if REGION.imagery.stretch.method == "percentiles" else []),
    output:
        image=results("imagery/{tile}.tif"),
        record=results("imagery/{tile}_scene.tif"),
        facts=results("imagery/{tile}.json"),
    log:
        results("logs/compose_rgb/{tile}.log"),
    benchmark:
        results("benchmarks/compose_rgb/{tile}.tsv")
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        fingerprint=fingerprint("compose_rgb"),
        settings=SETTINGS,
    message:
        "Composing the image of tile {wildcards.tile}"
    shell:
        command("compose_rgb")
