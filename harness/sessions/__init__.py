"""One run, one explanation, one question to the disk: each from settings to page."""
