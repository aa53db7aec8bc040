"""Shards measured on this host, one after another."""
