"""Seeds by role, so that no two uses of randomness share a stream and none depends on execution order."""

import hashlib

import numpy as np


def derive_seed(base: int, role: str, *axes: object) -> int:
    """Derive a 63-bit seed from a base seed, a role and the axes it varies over.

    SHA-256 over an unambiguous text, so the seed is the same on every machine and Python version, and adding a
    role or an axis value never moves another one.
    """
    text = "\x1f".join([str(int(base)), role, *map(str, axes)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(base: int, role: str, *axes: object) -> np.random.Generator:
    """Return NumPy's generator seeded by `derive_seed`."""
    return np.random.default_rng(derive_seed(base, role, *axes))
