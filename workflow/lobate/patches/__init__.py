"""Room `patches`: images and labels become training units, split so that nothing validates what it has seen."""
