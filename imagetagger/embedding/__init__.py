"""From pictures to embeddings: streaming, cached, resumable."""
