"""Tables, intervals and verdicts from the records of all runs."""
