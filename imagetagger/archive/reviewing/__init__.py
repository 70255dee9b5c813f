"""Reviewing an archive: pictures that want a person's look, and what becomes of the answers."""
