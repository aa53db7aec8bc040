"""Shards measured as tasks of Ray."""
