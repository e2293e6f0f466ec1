"""Tables and pictures in; one file a figure."""
