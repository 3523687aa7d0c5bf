"""Verbs and stages: the registry, signatures, code digests, and the run of one stage."""
