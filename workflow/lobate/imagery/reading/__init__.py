"""Products of every kind in circulation, as scenes."""
