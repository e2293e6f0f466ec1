"""From annotations and images in the Visual Genome layout to packed scene graphs and the fine-tuning subset."""
