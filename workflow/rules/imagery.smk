"""Room `imagery`: scenes become one 8-bit image a tile."""


rule compose_rgb:
    input:
        scenes=lambda wildcards: SCENES[wildcards.tile],
    output:
        image=made("imagery/{tile}.tif"),
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
        "lobate compose-rgb --scenes {input.scenes:q} --image {output.image:q}"
        " --settings {params.settings:q} --log {log:q}"
