"""What happened since the snapshot, read from the store and laid over it."""
