"""Work that a process does by itself, again and again: who runs it, and who notices when it fails."""
