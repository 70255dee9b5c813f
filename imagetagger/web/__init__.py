"""The app and the small server for it."""
