"""From scores to calibrated probabilities and prediction sets. NumPy only: the shipped tagger shares it."""
