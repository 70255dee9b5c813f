"""Probabilities per tag for pictures with several tags, thresholds that promise a precision, and what wants a look.

From log joints to written tags, in this order: tag_scores, tag_calibration, precision_threshold, tag_promises, decide.
NumPy only.
"""
