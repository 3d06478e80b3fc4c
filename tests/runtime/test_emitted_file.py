"""The emitted file stands alone: on torch and triton, in an empty folder, it trains."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import patternc

PATTERNS = {
    "plain": "causal pattern alone(w = 5) { attend window(w) | sink(2) }",
    "gated": "causal pattern alone { attend gate(window(3), stride(4, 2, h)) }",
    "documents": "pattern alone { attend per_document(ring(2)) | where(q % 7 == 0 and k < 2) }",
}
ALONE = """
import importlib.util, sys

class Blocked:
    # torch itself looks for some of what patternc needs.
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("patternc", "lark", "islpy", "typer"):
            raise ImportError(name + " may not be imported")

sys.meta_path.insert(0, Blocked())
import torch

for name in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location(name, name + ".py")
    alone = importlib.util.module_from_spec(spec)
    sys.modules[name] = alone
    spec.loader.exec_module(alone)
    torch.manual_seed(0)
    layer = alone.Attention(dim=32, heads=4, kv_heads=2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    x, target = torch.randn(2, 50, 32), torch.randn(2, 50, 32)
    given = {"cu_seqlens": torch.tensor([0, 20, 50])} if alone.DOCUMENTS else {}
    losses = []
    for _ in range(3):
        loss = (layer(x, **given) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters()), "no gradient"
        optimizer.step()
        losses.append(float(loss))
    assert losses[2] < losses[1] < losses[0], losses
    print(name, "trained")
assert "patternc" not in sys.modules
"""


def test_alone_in_an_empty_folder_it_trains(tmp_path: Path) -> None:
    for name, text in PATTERNS.items():
        (tmp_path / f"{name}.py").write_text(patternc.loads(text).emit(4), encoding="utf-8")
    # -I: neither the current folder nor PYTHONPATH nor the user's packages; the environment is empty, too.
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, *PATTERNS],
        cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.stdout.split() == [word for name in PATTERNS for word in (name, "trained")], done.stderr


@pytest.mark.parametrize("name", PATTERNS)
def test_it_imports_torch_and_triton_only(name: str) -> None:
    tree = ast.parse(patternc.loads(PATTERNS[name]).emit(4))
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module.split(".")[0])
    assert modules - set(sys.stdlib_module_names) - {"__future__"} == {"torch", "triton"}


@pytest.mark.parametrize("name", PATTERNS)
def test_it_exports_what_the_contract_says(name: str) -> None:
    module = patternc.loads(PATTERNS[name]).module(4)
    assert all(callable(getattr(module, export)) for export in ("attention", "Attention", "mask", "reference"))


@pytest.mark.parametrize("name", PATTERNS)
def test_it_is_the_same_every_time(name: str) -> None:
    assert patternc.loads(PATTERNS[name]).emit(4) == patternc.loads(PATTERNS[name]).emit(4)
