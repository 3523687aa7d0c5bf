"""The room `figures`: pictures of the results, drawn from results alone and the same bytes each time."""
