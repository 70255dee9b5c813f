"""Fine-tuning: the last blocks of a network, or all of it, trained on labelled pictures."""
