"""The demo's data set: rendered people, objects and backgrounds, annotated as carelessly as photographs are."""
