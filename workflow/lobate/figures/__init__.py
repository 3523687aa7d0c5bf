"""The room `figures`: figures and the report, drawn from results only, with the same bytes each time."""
