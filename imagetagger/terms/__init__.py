"""Words for tags, and the broader terms above them: from goldfinch to bird."""
