"""The claims of the paper, each as measurable parts with a verdict."""
