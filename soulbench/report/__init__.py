"""The page: tables, figures and provenance in one file."""
