"""One file per method: its name is the id, and its `plan` or `Method` says what it does (docs/add-a-method.md)."""
