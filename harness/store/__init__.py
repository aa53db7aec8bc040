"""Parquet on disk: one file a trial, written whole before the next trial begins."""
