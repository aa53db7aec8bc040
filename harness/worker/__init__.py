"""All that runs in a worker process, and what is said to one: `python -m harness.worker`."""
