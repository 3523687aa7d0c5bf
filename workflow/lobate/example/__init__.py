"""The room `example`: a small synthetic world with known truth, written as the files that a user would bring."""
