"""Tables and figures in; the page out."""
