"""Who may call: keys, owner tokens, what each route allows, how much, and the record of what was done."""
