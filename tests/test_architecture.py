"""Data flows one way: which part of the package may import which, and what a command may load."""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "patternc"
EXAMPLES = sorted((ROOT / "examples").glob("*.pat"))

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"source", "diagnostics", "config", "resources", "files", "passes"}),
    frozenset({"ir"}),
    frozenset({"primitives"}),
    frozenset({"frontend", "analysis"}),
    frozenset({"lowering"}),
    frozenset({"codegen"}),
    frozenset({"runtime"}),
    frozenset({"driver"}),
    frozenset({"pattern", "nn"}),
    frozenset({"runtime.testing", "runtime.bench", "view", "integrations"}),
    frozenset({"cli"}),
)
"""From the bottom to the top.  A part imports from below it, and the lowest parts from each other too; what a file
imports for its types only does not count."""
HEAVY = ("torch", "triton")
MAY_ASK_TORCH = ("patternc.cli.test",)
"""Commands that ask torch for a device, inside their function."""
SLOW = ("sympy", "islpy", "matplotlib", "numpy", "hypothesis", "jinja2")
SECONDS = 1.0

FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [p for p in FILES if p.relative_to(PACKAGE).parts[0] not in ("__init__.py", "__main__.py", "_data")]


def part(module: str) -> str:
    """The part of the package that a module belongs to: ``patternc.ir.expr`` to `ir`."""
    names = module.split(".")[1:]
    longer = ".".join(names[:2])
    return longer if any(longer in layer for layer in LAYERS) else names[0]


def height(name: str) -> int:
    return next(i for i, layer in enumerate(LAYERS) if name in layer)


def module_of(path: Path) -> str:
    return ".".join(("patternc", *path.relative_to(PACKAGE).with_suffix("").parts))


def imports(node: ast.AST, types: bool = True) -> Iterator[str]:
    """The modules that a file imports, functions' own imports too; without ``types``, not those for types only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test) and not types:
            for other in child.orelse:
                yield from imports(other, types)
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            module = child.module or ""
            yield from (f"patternc.{a.name}" for a in child.names) if module == "patternc" else (module,)
        yield from imports(child, types)


def _outer(module: ast.Module) -> list[ast.stmt]:
    """A module without its functions."""
    return [s for s in module.body if not isinstance(s, ast.FunctionDef)]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.parametrize("path", MODULES, ids=module_of)
def test_imports_go_downwards(path: Path) -> None:
    own = part(module_of(path))
    for module in imports(tree(path), types=False):
        if not module.startswith("patternc."):
            continue
        other = part(module)
        if other == own or other.startswith("__"):
            continue
        assert any(other in layer for layer in LAYERS), f"{module_of(path)} imports {module}, which has no place"
        below = height(other) < height(own) or height(other) == height(own) == 0
        assert below, f"{module_of(path)} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=module_of)
def test_torch_is_imported_in_the_runtime_only(path: Path) -> None:
    # Integrations stand beside it: each is imported by those alone who use the library of its name.
    if not part(module_of(path)).startswith(("runtime", "integrations")):
        everything = tree(path) if module_of(path) not in MAY_ASK_TORCH else ast.Module(_outer(tree(path)), [])
        heavy = {m for m in imports(everything, types=False) if m.split(".")[0] in HEAVY}
        assert not heavy, f"{module_of(path)} imports {heavy}"


def test_every_part_has_its_place() -> None:
    known = frozenset().union(*LAYERS)
    assert {part(module_of(p)) for p in MODULES} <= known


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_modules_say_what_they_are_for(path: Path) -> None:
    assert ast.get_docstring(tree(path)), f"{module_of(path)} has no docstring"


UNSAID = {
    "patternc.frontend.build_ast": "its methods are the rules of the grammar, by their names",
    "patternc.analysis.checker": "a program of few lines, which says in comments what its parts are",
}


@pytest.mark.parametrize("path", [p for p in FILES if module_of(p) not in UNSAID], ids=module_of)
def test_what_is_public_says_what_it_is(path: Path) -> None:
    """Functions, classes and their methods have docstrings; a method that overrides one has that of its base."""
    silent = [name for name, node in _public(tree(path)) if not ast.get_docstring(node)]
    assert [name for name in silent if name.rpartition(".")[2] not in _SAID_BY_BASES] == []


_SAID_BY_BASES = {
    *("children", "symbols"),  # of `patternc.ir.expr.Expr`
    *("condition", "complement", "mirrored", "depends_on_frame"),  # of `patternc.ir.relation.Atom`
    *("synchronise", "burst", "extra_bytes"),  # of `patternc.runtime.bench.timing.Clock`
    *("forward", "extra_repr"),  # of `torch.nn.Module`
    # Of `transformers.Cache`'s layers.
    *("get_mask_sizes", "get_seq_length", "get_max_length", "reset", "reorder_cache"),
}


def _public(module: ast.Module) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef]]:
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner


@pytest.mark.parametrize("path", MODULES, ids=module_of)
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450


def check(path: Path) -> tuple[subprocess.CompletedProcess[str], float]:
    """``patternc check``, with the names of heavy modules that it loaded on standard output, and its CPU seconds."""
    code = (
        "import sys\nfrom patternc.cli import main\n"
        f"try: main(['check', {str(path)!r}])\n"
        "except SystemExit as end: code = end.code\n"
        f"print(*[m for m in {(*HEAVY, *SLOW)!r} if m in sys.modules])\n"
        "sys.exit(code)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    begin = _children()
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    return result, _children() - begin


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_examples_are_clean_and_checked_fast(path: Path) -> None:
    result, seconds = check(path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split() == []
    # A busy machine is slower at times: the best of three counts.
    assert seconds < SECONDS or min(check(path)[1] for _ in range(2)) < SECONDS


def test_examples_exist() -> None:
    assert len(EXAMPLES) >= 11
