"""What the terminal shows: live displays while something goes on, and what is said at the end."""
