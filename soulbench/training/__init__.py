"""Training: one loop, one objective, and the two stages that make an original model."""
