"""A bundle in use: it tags pictures, and learns its user's own tags."""
