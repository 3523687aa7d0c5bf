"""The room `training`: rounds of training, validation and mining, and the choice of a model."""
