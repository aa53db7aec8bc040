"""What was asked for: options, environment and presets as one record, and the grid that it spans."""
