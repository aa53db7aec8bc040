"""What is said in words, the same on page and terminal."""
