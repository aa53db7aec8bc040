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
    ("harness.workload", "harness.program"),
    ("harness.listings",),
    ("harness.records", "harness.progress", "harness.analysis.statistics", "harness.analysis.usual"),
    ("harness.measure",),
    ("harness.recipe", "harness.idx", "harness.catalogue", "harness.synthetic", "harness.fetch",
     "harness.cache", "harness.mnist"),
    ("harness.config",),
    ("harness.plan", "harness.changes"),
    ("harness.frameworks",),
    ("harness.parity",),
    ("harness.store",),
    ("harness.engine",),
    ("harness.analysis",),
    ("harness.report",),
    ("harness.bench", "harness.runs", "harness.explanation"),
    ("harness.terminal", "harness.cli", "harness.__main__"),
)  # fmt: skip

# What a worker and its adapters agree on, light enough for the parent; all else in frameworks/ is
# resolved by name.
CONTRACT = {"harness.frameworks", "harness.frameworks.base", "harness.frameworks.gauge",
            "harness.frameworks.witness"}  # fmt: skip

# Only these speak to the terminal or end the process. Workers end their own, the downloader's process
# answers on its standard output, and a scripted framework makes the noise that a real one may make.
MAY_PRINT = {
    "harness.cli",
    "harness.cli.results",
    "harness.terminal.answers",
    "harness.terminal.explaining",
    "harness.terminal.live",
    "harness.terminal.over_time",
    "harness.frameworks.torchvision_download",
    "harness.frameworks.scripted",
}
MAY_EXIT = {
    "harness.cli",
    "harness.cli.explain",
    "harness.cli.measure",
    "harness.cli.results",
    "harness.engine.worker",
    "harness.frameworks.torchvision_download",
    "harness.frameworks.scripted",
}

PRINTING = {"print", "rich.print", "typer.echo", "typer.secho", "Console", "rich.console.Console",
            "sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer.write",
            "sys.stderr.buffer.write"}  # fmt: skip
EXITING = {"exit", "quit", "sys.exit", "os._exit", "os.abort", "SystemExit", "typer.Exit", "typer.Abort"}
IMPORTING = {"import_module", "importlib.import_module", "__import__"}


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
        raised = {
            ast.unparse(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc
        }
        package = parts[:-1]
        yield Module(
            name=name,
            imports=frozenset(_imports(tree, package)),
            prints=bool(PRINTING & calls),
            exits=bool(EXITING & (calls | raised)),
        )


def _imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """Absolute names of all that a module of `package` imports, wherever in it the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = package[: len(package) + 1 - node.level] if node.level else ()
            source = ".".join([*here, *filter(None, [node.module])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in IMPORTING and node.args:
            named = node.args[0]
            if isinstance(named, ast.Constant) and isinstance(named.value, str):
                yield named.value


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
    inside_frameworks = _under(module.name, "harness.frameworks")
    light = not inside_frameworks or module.name in CONTRACT
    if own is None:
        yield f"{module.name} has no floor in the plan"
        return
    for imported in sorted(module.imports & names):
        if (floor(imported) or 0) > own:
            yield f"{module.name} imports upward: {imported}"
        adapter = _under(imported, "harness.frameworks") and imported not in CONTRACT
        if adapter and light:
            yield f"{module.name} imports the adapter {imported}, which the worker resolves by name"
    if light:
        for imported in sorted({name.partition(".")[0] for name in module.imports} & FRAMEWORKS):
            yield f"{module.name} imports {imported}"
    if module.prints and module.name not in MAY_PRINT:
        yield f"{module.name} prints"
    if module.exits and module.name not in MAY_EXIT:
        yield f"{module.name} exits"
