"""What leaves the house: converted models."""
