"""Files, processors, downloads and the error stream."""
