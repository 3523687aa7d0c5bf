"""The room `patches`: images and labels become training units, split into training and validation."""
