"""The house plan as data, and a reader of imports that holds a tree against it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FRAMEWORKS = {"tensorflow", "keras", "torch", "torchvision", "jax", "flax", "optax"}

# What has shards measured elsewhere; imported by an adapter of a launcher, and nowhere else.
ENGINES = {"submitit", "ray"}

# Lowest first, the rooms of each floor. A module imports from its own floor and from those below.
FLOORS = (
    ("harness", "harness.errors"),
    ("harness.work",),
    ("harness.measure", "harness.data", "harness.frameworks"),
    ("harness.settings",),
    ("harness.parity",),
    ("harness.worker", "harness.store"),
    ("harness.analysis",),
    ("harness.engine", "harness.launchers"),
    ("harness.report",),
    ("harness.sessions",),
    ("harness.terminal", "harness.cli", "harness.__main__"),
)

# What a worker and its adapters agree on, and how records are found, light enough for the parent; all else in
# frameworks/ is resolved by name.
CONTRACT = {"harness.frameworks", "harness.frameworks.base", "harness.frameworks.entries",
            "harness.frameworks.gauge", "harness.frameworks.record", "harness.frameworks.registry",
            "harness.frameworks.witness"}  # fmt: skip

# Processes of their own, started by name or place and imported by nobody.
APART = {
    "harness.data.torchvision_download",
    "harness.frameworks.pytorch.compiling",
    "harness.launchers.attempt",
    "harness.worker.isolated",
}

# Only these speak to the terminal or end the process. Workers end their own, the downloader's process
# answers on its standard output, and a scripted framework makes the noise that a real one may make.
MAY_PRINT = {
    "harness.cli",
    "harness.cli.results",
    "harness.terminal.answers",
    "harness.terminal.console",
    "harness.data.torchvision_download",
    "harness.frameworks.pytorch.compiling",
    "harness.frameworks.scripted",
}
MAY_EXIT = {
    "harness.cli",
    "harness.cli.explain",
    "harness.cli.launch",
    "harness.cli.measure",
    "harness.cli.results",
    "harness.cli.running",
    "harness.cli.selfcheck",
    "harness.data.torchvision_download",
    "harness.frameworks.pytorch.compiling",
    "harness.frameworks.scripted",
    "harness.launchers.attempt",
    "harness.worker.__main__",
    "harness.worker.forkserver",
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
    return next((number for number, rooms in enumerate(FLOORS) if _room(name) in rooms), None)


def _under(name: str, room: str) -> bool:
    return name == room or (room != "harness" and name.startswith(room + "."))


def violations(found: list[Module]) -> list[str]:
    """Sentences, one a breach of the plan."""
    names = {module.name for module in found}
    breaches = [breach for module in found for breach in _breaches(module, names)]
    return breaches + [f"a circle: {' -> '.join(circle)}" for circle in circles(found)]


def circles(found: list[Module]) -> list[list[str]]:
    """Modules that import each other in a circle, one sorted list a circle; imports inside functions count.

    Taking a module out of a package is an import of that module; taking a name that is no module is one of
    the package itself.
    """
    names = {module.name for module in found}
    arrows = {module.name: sorted(_taken(module.imports, names) - {module.name}) for module in found}
    return [sorted(circle) for circle in _components(arrows) if len(circle) > 1]


def _taken(imports: frozenset[str], names: set[str]) -> set[str]:
    """The modules that these imports name, without the packages through which they are reached."""
    known = imports & names
    return {one for one in known if not any(other.startswith(f"{one}.") for other in known)} | {
        # A package and one of its modules, both named: a name of the package's own was taken as well.
        one
        for one in known
        if any(name not in names and name.rpartition(".")[0] == one for name in imports)
    }


def _components(arrows: dict[str, list[str]]) -> Iterator[list[str]]:
    """Strongly connected components (Tarjan 1972)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_nodes: list[str] = []

    def visit(node: str) -> Iterator[list[str]]:
        numbers[node] = lowest[node] = len(numbers)
        open_nodes.append(node)
        for other in arrows[node]:
            if other not in numbers:
                yield from visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in open_nodes:
                lowest[node] = min(lowest[node], numbers[other])
        if lowest[node] == numbers[node]:
            place = open_nodes.index(node)
            yield open_nodes[place:]
            del open_nodes[place:]

    for node in arrows:
        if node not in numbers:
            yield from visit(node)


def drawn(found: list[Module]) -> str:
    """The floors as text, the top one first: each room with its modules and the rooms that it uses."""
    lines = []
    for number, rooms in reversed(list(enumerate(FLOORS, start=1))):
        for place, room in enumerate(rooms):
            inside = [module for module in found if _room(module.name) == room]
            uses = {
                _room(name) for module in inside for name in _taken(module.imports, {m.name for m in found})
            }
            names = [module.name.removeprefix(room).lstrip(".") or "itself" for module in inside]
            lines.append(f"{'' if place else number:>2}  {room.removeprefix('harness.')}/  {' '.join(names)}")
            below = sorted(str(one).removeprefix("harness.") for one in uses - {room, "harness"})
            if below:
                lines.append(f"        on {', '.join(below)}")
    return "\n".join(lines)


def _room(name: str) -> str | None:
    """The room that a module lies in: the longest name in the plan that it lies under."""
    under = [room for rooms in FLOORS for room in rooms if _under(name, room)]
    return max(under, key=len, default=None)


def _breaches(module: Module, names: set[str]) -> Iterator[str]:
    own = floor(module.name)
    inside_frameworks = _under(module.name, "harness.frameworks")
    of_record = inside_frameworks and module.name.endswith(".record")
    light = module.name not in APART and (not inside_frameworks or module.name in CONTRACT or of_record)
    if own is None:
        yield f"{module.name} has no floor in the plan"
        return
    for imported in sorted(module.imports & names):
        if (floor(imported) or 0) > own:
            yield f"{module.name} imports upward: {imported}"
        adapter = _under(imported, "harness.frameworks") and imported not in CONTRACT
        if imported in APART:
            yield f"{module.name} imports {imported}, which is a process of its own"
        if adapter and light:
            yield f"{module.name} imports the adapter {imported}, which the worker resolves by name"
    foreign = FRAMEWORKS if light else set()
    foreign = foreign | (set() if module.name.startswith("harness.launchers.") else ENGINES)
    for imported in sorted({name.partition(".")[0] for name in module.imports} & foreign):
        yield f"{module.name} imports {imported}"
    if module.prints and module.name not in MAY_PRINT:
        yield f"{module.name} prints"
    if module.exits and module.name not in MAY_EXIT:
        yield f"{module.name} exits"
