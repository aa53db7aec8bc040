"""Self-contained pages: of a run, a comparison, a history, an explanation."""
