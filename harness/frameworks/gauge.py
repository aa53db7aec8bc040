"""What a device says of itself, beside the host's clock and the driver's count of memory."""

from __future__ import annotations

from harness.work.records import AllocatorUse


class Gauge:
    """A device that says nothing, as a CPU; adapters put one that does in its place."""

    def begin_round(self) -> None:
        """On the host's clock: mark on the device's own that a round's work begins."""

    def end_round(self) -> None:
        """On the host's clock, before the adapter synchronises: mark that the work was all asked for."""

    def round_s(self) -> float | None:
        """Seconds between the two marks on the device's own clock, once it has finished; None without one."""
        return None

    def forget_peaks(self) -> None:
        """Count the allocator's peaks from now on."""

    def allocated(self) -> AllocatorUse:
        """What the framework's allocator says of its memory on the device since then."""
        return AllocatorUse(peak_in_use_bytes=None, peak_reserved_bytes=None, reason="the device is a CPU")
