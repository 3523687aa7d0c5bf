"""Annotations of images from other tools, in pixels, become outlines on the ground."""
