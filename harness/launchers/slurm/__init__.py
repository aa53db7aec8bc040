"""Shards measured as jobs of SLURM, through submitit."""
