"""The claims of the paper: what each means in measurable parts, and the verdict."""
