"""Unlearning: a method returns a plan, and the training loop or the influence solver carries the plan out."""
