"""Scene graphs with their images: preparation, the demo's own data set, requests, and batches."""
