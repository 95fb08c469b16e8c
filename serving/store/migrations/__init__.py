"""How the store's schema came to be, one file for each step, the same for both databases."""
