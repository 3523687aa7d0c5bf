"""The room `inventory`: a person's review, attributes of each outline, and one compiled product."""
