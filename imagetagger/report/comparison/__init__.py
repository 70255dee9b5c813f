"""The report of many runs, side by side."""
