"""Who runs when: workers in fresh processes, taking turns."""
