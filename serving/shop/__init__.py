"""The owner's page: what is worth sharing today, in her language."""
