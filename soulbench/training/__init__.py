"""Learning and unlearning: one training loop, one objective, one influence solver."""
