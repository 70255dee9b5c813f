"""The schema of an experiment's settings, and their digest."""
