"""Downloads from archives: a file arrives complete and verified, or not at all."""
