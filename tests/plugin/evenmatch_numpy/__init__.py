"""NumPy as one of evenmatch's frameworks: `record` is what it knows of it, `adapter` does the work."""
