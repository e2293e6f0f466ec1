"""Records in; tables, intervals and verdicts out."""
