"""From an evaluated classifier to the files of a bundle."""
