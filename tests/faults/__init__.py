"""What a run leaves when it, its workers or its disk are taken away, on the real command line."""
