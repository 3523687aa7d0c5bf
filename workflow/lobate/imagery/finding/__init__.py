"""Asking a catalogue what there is of an area in a season."""
