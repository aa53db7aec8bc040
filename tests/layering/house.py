"""The house plan as data, and a reader of imports that holds a tree against it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FRAMEWORKS = {"tensorflow", "keras", "torch", "torchvision"}

# Lowest first. A module imports from its own floor and from those below.
FLOORS = (
    ("harness", "harness.errors"),
    ("harness.workload",),
    ("harness.records", "harness.progress"),
    ("harness.measure",),
    ("harness.recipe", "harness.idx", "harness.catalogue", "harness.synthetic", "harness.fetch",
     "harness.cache", "harness.mnist"),
    ("harness.config",),
    ("harness.plan",),
    ("harness.frameworks",),
    ("harness.parity",),
    ("harness.store",),
    ("harness.engine",),
    ("harness.analysis",),
    ("harness.report",),
    ("harness.bench",),
    ("harness.terminal", "harness.cli", "harness.__main__"),
)  # fmt: skip

# What a worker and its adapters agree on; all else in frameworks/ is resolved by name.
CONTRACT = {"harness.frameworks.base", "harness.frameworks.witness"}

# Only these speak to the terminal or end the process; workers end their own.
MAY_PRINT = {"harness.cli", "harness.terminal", "harness.__main__"}
MAY_EXIT = MAY_PRINT | {"harness.engine.worker", "harness.frameworks.torchvision_download"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    name: str
    imports: frozenset[str]
    prints: bool
    exits: bool


def modules(root: Path) -> Iterator[Module]:
    """Every module below `root`, the folder that holds the package."""
    for path in sorted((root / "harness").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        yield Module(
            name=name,
            imports=frozenset(_imports(tree)),
            prints=bool({"print", "typer.echo", "sys.stdout.write"} & calls),
            exits=bool({"sys.exit", "exit", "quit"} & calls),
        )


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(name: str) -> int | None:
    """Number of a module's floor: of the longest name in the plan that it lies under."""
    best = max(
        ((len(room), number) for number, rooms in enumerate(FLOORS) for room in rooms if _under(name, room)),
        default=None,
    )
    return None if best is None else best[1]


def _under(name: str, room: str) -> bool:
    return name == room or (room != "harness" and name.startswith(room + "."))


def violations(found: list[Module]) -> list[str]:
    """Sentences, one a breach of the plan."""
    names = {module.name for module in found}
    return [breach for module in found for breach in _breaches(module, names)]


def _breaches(module: Module, names: set[str]) -> Iterator[str]:
    own = floor(module.name)
    inside_frameworks = module.name.startswith("harness.frameworks")
    if own is None:
        yield f"{module.name} has no floor in the plan"
        return
    for imported in sorted(module.imports & names):
        if (floor(imported) or 0) > own:
            yield f"{module.name} imports upward: {imported}"
        adapter = imported.startswith("harness.frameworks.") and imported not in CONTRACT
        if adapter and not inside_frameworks:
            yield f"{module.name} imports the adapter {imported}, which the worker resolves by name"
    if not inside_frameworks:
        for imported in sorted({name.partition(".")[0] for name in module.imports} & FRAMEWORKS):
            yield f"{module.name} imports {imported}"
    if module.prints and module.name not in MAY_PRINT and not inside_frameworks:
        yield f"{module.name} prints"
    if module.exits and module.name not in MAY_EXIT:
        yield f"{module.name} exits"
