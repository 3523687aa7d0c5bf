"""The embedded example: a small synthetic world with known truth."""
