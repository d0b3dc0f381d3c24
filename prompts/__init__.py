"""What the models read: versioned Markdown, one file a prompt."""
