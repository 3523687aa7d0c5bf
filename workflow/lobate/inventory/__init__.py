"""The room `inventory`: review decisions, attributes of each outline, and one compiled inventory."""
