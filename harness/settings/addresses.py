"""Addresses of results that lie elsewhere: what is one, and how it is shown, without what opens it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from harness.errors import BadOption

_SCHEMES: Final = ("abfs", "abfss", "file", "gcs", "gs", "hdfs", "s3", "viewfs")
ALLOWED: Final = "an address such as s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or file:///FOLDER"

# Also with a slash that was forgotten; a letter alone is a drive.
_MEANT: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_KNOWN: Final = re.compile(rf"({'|'.join(_SCHEMES)})://[!-~]*")

# A secret that was typed as it is may hold a slash. What Azure has before an @ alone is a container's name.
_LOGIN: Final = re.compile(r"(?<=:/)(/?)(.*:.*@|(?<!abfs://)(?<!abfss://)[^/?@]*@)", re.DOTALL)
# What is asked for behind a question mark, each with its value; all but these may open something.
_ASKED: Final = re.compile(r"(?<=[?&])([^=&]*)=[^&]*")
_HARMLESS: Final = ("endpoint_override", "region", "scheme")


@dataclass(frozen=True, slots=True)
class Address:
    """A place elsewhere, and the option that named it; as a string it is what may be shown of it."""

    option: str
    text: str = field(repr=False)

    def __str__(self) -> str:
        return shown(self.text)

    def told(self, error: Exception) -> str:
        """An error's first line, without what opens the place; libraries quote what they were given."""
        said = str(getattr(error, "strerror", None) or error).replace(self.text, str(self))
        return re.sub(r"\S+://\S+", lambda found: shown(found[0]), said.partition("\n")[0])


def is_address(text: str) -> bool:
    """Whether this is meant as an address, even if it is none; anything else is a path."""
    return _MEANT.match(text) is not None


def address(option: str, text: str) -> Address:
    """The address that was typed.

    Raises:
        BadOption: one of a kind that there is not, or with characters that an address writes as %XX.
    """
    if not _KNOWN.fullmatch(text):
        raise BadOption(option, shown(text).encode("unicode_escape").decode("ascii"), ALLOWED)
    return Address(option, text)


def shown(text: str) -> str:
    """A word as it may be shown and recorded: of an address without user, password and tokens."""
    if ":/" not in text:
        return text
    return _ASKED.sub(_asked, _LOGIN.sub(r"\1", text))


def _asked(found: re.Match[str]) -> str:
    return found[0] if found[1] in _HARMLESS else f"{found[1]}=..."
