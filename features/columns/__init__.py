"""Columns as of a moment: what is known of each product, owner and circle."""
