"""How good a classifier is on pictures it has not seen."""
