"""Figures: frames in, drawings out. Nothing here decides whether a figure is fair."""

import harness.report.style  # noqa: F401  (first: what comes below finds the house's matplotlib, not the user's)
from harness.report.figures.cost import startup, taken
from harness.report.figures.learning import accuracy
from harness.report.figures.roofline import roofline
from harness.report.figures.scaling import efficiencies
from harness.report.figures.speed import MOST_POINTS, far_apart, ratios, throughput, throughput_at_one_batch
from harness.report.figures.telling import false_alarms
from harness.report.figures.ways import ladder

__all__ = [
    "MOST_POINTS",
    "accuracy",
    "efficiencies",
    "false_alarms",
    "far_apart",
    "ladder",
    "ratios",
    "roofline",
    "startup",
    "taken",
    "throughput",
    "throughput_at_one_batch",
]
