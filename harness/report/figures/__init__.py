"""Figures: frames in, drawings out. Nothing here decides whether a figure is fair."""

from harness.report.figures.speed import (
    MOST_POINTS,
    accuracy,
    false_alarms,
    ratios,
    startup,
    taken,
    throughput,
    throughput_at_one_batch,
)

__all__ = [
    "MOST_POINTS",
    "accuracy",
    "false_alarms",
    "ratios",
    "startup",
    "taken",
    "throughput",
    "throughput_at_one_batch",
]
