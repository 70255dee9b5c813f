"""Image tagging in JAX: experiments that end in a tagger which learns its user's own tags."""
