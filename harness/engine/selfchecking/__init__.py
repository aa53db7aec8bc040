"""Is the harness itself right on this machine? Each step holds one of its instruments against another."""
