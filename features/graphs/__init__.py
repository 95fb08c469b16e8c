"""Graphs as of a moment: weighted edges between products, owners and members."""
