"""Frames become one page: figures, words, tables."""
