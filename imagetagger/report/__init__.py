"""Results of a run as a page to read."""
