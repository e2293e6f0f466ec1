"""Queries (the paper's leakage queries, section 6.4), one file each: `rewrite` alters a scene graph."""
