"""The workflow of this project: the module in `workflow/`, with a region's configuration."""

# A region's own configuration replaces the embedded example's; Snakemake would merge the two.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


module lobate:
    snakefile:
        "workflow/Snakefile"
    config:
        config


use rule * from lobate
