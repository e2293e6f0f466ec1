"""One file per method: its name is the id, and its `plan` turns a request into a plan (docs/add-a-method.md)."""
