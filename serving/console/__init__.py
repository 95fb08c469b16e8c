"""The console: snapshots, what the service does, products and suppliers, for those who hold a key."""
