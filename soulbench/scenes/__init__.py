"""From the Visual Genome layout to packed scenes: reader, demo world, vocabulary, human filter."""
