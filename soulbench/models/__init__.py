"""The scene-graph-to-image generator (SIMSG, Dhamo et al., CVPR 2020), its discriminators, and frozen backbones."""
