"""The simulated town: owners, circles, goods and what happens between them, with its truth kept beside it."""
