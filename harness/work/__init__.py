"""What the work is: workload, program, listings, changes, recipe, records; frozen and validated."""
