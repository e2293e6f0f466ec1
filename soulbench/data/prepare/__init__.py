"""From annotations and images with Visual Genome's file layout to packed scene graphs and the fine-tuning subset."""
