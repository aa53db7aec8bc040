"""How the data room tells its caller what it does; the caller decides what to show."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """What a caller may show while files are found, fetched and verified."""

    def progress(self, step: str, done_bytes: int, total_bytes: int | None) -> None:
        """`done_bytes` of `step` are done, of `total_bytes` where that is known."""

    def notice(self, sentence: str) -> None:
        """Something the user should know, such as a damaged file that was set aside."""


class Silent:
    """The reporter that shows nothing."""

    def progress(self, step: str, done_bytes: int, total_bytes: int | None) -> None:
        pass

    def notice(self, sentence: str) -> None:
        pass
