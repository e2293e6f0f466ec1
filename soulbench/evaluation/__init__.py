"""How an unlearned model is judged: paper's dimensions, fidelity, latent distances, queries, ablations."""
