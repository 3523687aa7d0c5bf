"""The network shared by `training` and `mapping`: DeepLabv3+, its model file and its windowed prediction."""
