"""Fuzzing of whatever people feed a tagger: `make fuzz`."""
