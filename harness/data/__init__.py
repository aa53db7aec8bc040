"""Find, fetch, verify and decode the data set."""
