"""The content-addressed store: objects and recipes, links, running jobs, garbage collection and lineage."""
