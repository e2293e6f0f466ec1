"""One file a method: its name is the id, its `plan` turns a request into edits (docs/add-a-method.md)."""
