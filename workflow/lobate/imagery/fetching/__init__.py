"""Files from archives, whole and right or not at all."""
