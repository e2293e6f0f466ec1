"""What is measured of an unlearned model: dimensions, errors, latent distances, queries, and ablations."""
