"""Review and drawing on the images: the local server of `lobate review`, and the files that a person's acts are kept in."""
