"""Seeds by role: no two uses of randomness share a stream, and none depends on the order of execution."""

import hashlib

import numpy as np


def derive_seed(base: int, role: str, *axes: object) -> int:
    """Derive a 63-bit seed from a base seed, a role and the axes that it varies over.

    The seed is taken from a SHA-256 hash, so it is the same on every machine and Python version, and a new role
    or axis value never changes another seed.
    """
    text = "\x1f".join([str(int(base)), role, *map(str, axes)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(base: int, role: str, *axes: object) -> np.random.Generator:
    """Return a NumPy generator seeded by `derive_seed`."""
    return np.random.default_rng(derive_seed(base, role, *axes))
