"""What has the shards of a plan measured elsewhere: a record and an adapter each, found by entry point."""
