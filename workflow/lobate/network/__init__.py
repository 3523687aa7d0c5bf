"""DeepLabv3+, its model file and its windowed prediction: what `training` and `mapping` share."""
