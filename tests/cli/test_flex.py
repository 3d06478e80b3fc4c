"""`compile --emit flex`: the emitted file against the pattern's mask, and against torch's own BlockMask."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

import patternc
from patternc import driver
from patternc.codegen.flex import flex_text
from patternc.ir.instantiate import Instance, instantiate
from tests.view.relations import loaded, random_relation

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.pat"))


def module(text: str, folder: Path) -> ModuleType:
    """The emitted file, imported from a folder that knows nothing of patternc."""
    path = folder / "emitted_flex.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("emitted_flex", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def rows(count: torch.Tensor, places: torch.Tensor) -> list[list[list[int]]]:
    return [
        [sorted(places[0, h, r, : int(count[0, h, r])].tolist()) for r in range(count.shape[2])]
        for h in range(count.shape[1])
    ]


def same_blocks(mine: Any, theirs: Any) -> bool:
    return rows(mine.kv_num_blocks, mine.kv_indices) == rows(theirs.kv_num_blocks, theirs.kv_indices) and rows(
        mine.full_kv_num_blocks, mine.full_kv_indices
    ) == rows(theirs.full_kv_num_blocks, theirs.full_kv_indices)


def compare(instance: Instance, mask: torch.Tensor, emitted: ModuleType, n: int) -> None:
    """Every mask_mod against the mask, every block_mask against torch's."""
    heads = emitted.HEADS or 1
    at = torch.arange(n)
    for b in range(instance.branches):
        suffix = f"_{b}" if instance.gated else ""
        factory = getattr(emitted, f"mask_mod{suffix}_for", None)
        mod = factory(n) if factory else getattr(emitted, f"mask_mod{suffix}")
        for h in range(heads):
            live = mod(torch.tensor(0), torch.tensor(h), at[:, None], at[None, :])
            assert torch.equal(live.expand(n, n), mask[b, h])
        mine = getattr(emitted, f"block_mask{suffix}")(n, device="cpu")
        assert same_blocks(mine, create_block_mask(mod, None, heads, n, n, device="cpu"))
        assert mine.seq_lengths == (n, n)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples(path: Path, tmp_path: Path) -> None:
    program = driver.load_program(driver.read_source(str(path)))
    for pattern in program.patterns:
        instance = instantiate(pattern, {})
        text = flex_text(instance)
        emitted = module(text, tmp_path)
        assert max(map(len, text.splitlines())) <= 120
        for n in (300, 512):
            mask = patternc.load(str(path), pattern=pattern.name).mask(n, heads=emitted.HEADS or 1)
            compare(instance, mask, emitted, n)


@pytest.mark.parametrize("seed", range(3))
def test_random_relations(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    for _ in range(4):
        text = f"pattern a {{ attend {random_relation(rng)} }}"
        instance = loaded(text)[2]
        compare(instance, patternc.loads(text).mask(200, heads=1), module(flex_text(instance), tmp_path), 200)


@pytest.mark.parametrize(
    "text",
    [
        "pattern a { attend heads { 0..2 : window(3 * h + 1); 2..3 : sink(4); else : stride(5, phase = h) } }",
        "pattern a { attend window(2 ** (h % 3)) | columns(40 + h, 7, 3) }",
        "pattern a { attend chunk(200) & where(q % 4 == h % 4 and k % 4 == h % 4) }",
        "pattern a { attend where(q * 4000000000 <= k * 4000000001 + 5000000000000) }",
        "pattern a { attend heads { 0..2 : full; else : none } }",
    ],
)
def test_heads_and_large_numbers(text: str, tmp_path: Path) -> None:
    instance = loaded(text)[2]
    emitted = module(flex_text(instance), tmp_path)
    heads = emitted.HEADS or 1
    compare(instance, patternc.loads(text).mask(260, heads=heads), emitted, 260)


def test_attention_is_that_of_the_pattern(tmp_path: Path) -> None:
    text = "causal pattern a { attend gate(window(5), stride(16)) }"
    emitted = module(flex_text(loaded(text)[2]), tmp_path)
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 2, 256, 16, generator=generator) for _ in range(3))
    gate = torch.randn(1, 2, 256, 2, generator=generator)
    weight = gate.softmax(-1)
    out = sum(
        weight[..., i, None] * flex_attention(q, k, v, block_mask=make(256, device="cpu"))
        for i, make in enumerate(emitted.block_masks)
    )
    torch.testing.assert_close(out, patternc.loads(text).reference(q, k, v, gate=gate), atol=1e-5, rtol=1e-5)


def test_documents_are_a_closure(tmp_path: Path) -> None:
    text = "pattern a { attend (same_document & window(3)) | per_document(sink(2) & ring(2)) }"
    emitted = flex_text(loaded(text)[2])
    assert "a mask_mod knows by a tensor that it closes over: cu_seqlens" in emitted
    found = module(emitted, tmp_path)
    ends = torch.tensor([0, 70, 70, 200])
    at = torch.arange(200)
    live = found.mask_mod_for(ends)(None, None, at[:, None], at[None, :])
    mask = patternc.loads(text).mask(200, heads=1, cu_seqlens=ends)[0, 0]
    assert torch.equal(live, mask)
    blocks = found.block_mask(ends)
    assert same_blocks(blocks, create_block_mask(found.mask_mod_for(ends), None, None, 200, 200, device="cpu"))


def test_what_cannot_be_said_is_said() -> None:
    gate = flex_text(loaded("pattern a { attend gate(window(3), sink(1)) }")[2])
    assert "one mask for each branch" in gate
    assert "block_masks = (block_mask_0, block_mask_1)" in gate
    ring = flex_text(loaded("pattern a { attend ring(3) }")[2])
    assert "The pattern speaks of the length n" in ring
    odd = flex_text(loaded("pattern a { attend where((q + 2 * k) % 7 == 3) }")[2])
    assert "a condition has no closed form, so all pairs are evaluated" in odd


def test_the_file_stands_alone() -> None:
    text = flex_text(loaded("pattern a(x = 3) { attend window(x) | stride(9) }")[2])
    imports = [line for line in text.splitlines() if line.startswith(("import", "from"))]
    assert imports == [
        "from __future__ import annotations",
        "from collections.abc import Callable",
        "from typing import Any",
        "import torch",
        "from torch.nn.attention.flex_attention import BlockMask",
    ]
    assert "Pattern a(x = 3) for FlexAttention" in text
