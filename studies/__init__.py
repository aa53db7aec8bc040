"""Studies behind the project's decisions: simulations that anyone can run again."""
