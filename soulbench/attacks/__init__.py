"""Attacks on unlearned models, one file each: `attack` yields what it measures (docs/attacks.md)."""
