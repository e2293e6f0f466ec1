"""Leakage queries (paper, section 6.4), one file each: `rewrite` changes a scene graph or says why it cannot."""
