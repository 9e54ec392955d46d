"""The commands, one per file: the file's name is the command's, its `command` is what runs."""
