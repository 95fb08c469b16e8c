"""The online store: what happened since the last dataset, kept row by row."""
