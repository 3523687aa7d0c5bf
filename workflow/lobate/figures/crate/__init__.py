"""A finished region as a workflow RO-Crate: results with their digests, the workflow, its parameters and its steps."""
