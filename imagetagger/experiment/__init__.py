"""One run, from settings to a record, and sweeps of many."""
