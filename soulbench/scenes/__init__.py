"""From the Visual Genome layout to scenes in memory: reader, demo world, vocabulary, human filter, packed set."""
