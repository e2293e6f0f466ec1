"""The embedded world: drawn people, things and places, annotated as carelessly as photographs are."""
