"""`python -m tests.layering`: the house as it stands, drawn as text."""

from pathlib import Path

from tests.layering import house

print(house.drawn(list(house.modules(Path(__file__).parents[2]))))  # noqa: T201  (this is what it is for)
