"""Room `imagery`: scenes become one 8-bit image a tile."""


def scenes_of(wildcards) -> list[str]:
    return REGION.imagery.tiles[wildcards.tile]


rule compose_rgb:
    input:
        scenes=scenes_of,
    output:
        image=made("imagery/{tile}.tif"),
    log:
        made("logs/compose_rgb/{tile}.log"),
    benchmark:
        made("benchmarks/compose_rgb/{tile}.tsv")
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        stamp=stamp("compose_rgb"),
    message:
        "Composing the image of tile {wildcards.tile}"
    shell:
        "{LOBATE} compose-rgb --scenes {input.scenes:q} --image {output.image:q}"
        " --settings {SETTINGS:q} --log {log:q}"
