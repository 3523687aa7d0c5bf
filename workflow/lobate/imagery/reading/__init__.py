"""Readers of every supported kind of product."""
