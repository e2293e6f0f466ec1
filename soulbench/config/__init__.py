"""The configuration: read, checked, and expanded into the runs of a benchmark."""
