"""The room `training`: rounds of training, validating and mining, and the choice among their models."""
