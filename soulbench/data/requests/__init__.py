"""Requests: the objects to be unlearned, named by the user or chosen by rule."""
