"""Work that a process repeats by itself: runs it, and notices when it fails."""
