"""lobate: from Sentinel-2 scenes and hand-drawn outlines to a reviewed inventory of landforms."""

__version__ = "0.1.0"
