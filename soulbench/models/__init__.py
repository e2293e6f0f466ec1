"""The scene-graph-to-image generator (SIMSG, Dhamo et al., CVPR 2020) and what it is trained against."""
