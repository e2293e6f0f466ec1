"""Unlearning: a method plans, and the training loop or the influence solver carries the plan out."""
