"""The command line: verbs from their signatures, and the commands that are not verbs."""
