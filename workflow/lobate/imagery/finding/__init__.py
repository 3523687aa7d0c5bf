"""Queries of a STAC catalogue for the scenes of an area and season."""
