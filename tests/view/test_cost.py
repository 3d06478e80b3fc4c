"""Live pairs, visited tiles and blocks against the mask and the emitted file."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import patternc
from patternc.codegen.tiling import forward_tile
from patternc.ir.instantiate import Instance, instantiate
from patternc.lowering import scan
from patternc.lowering.cost import Cost, cost, distinct_softmaxes
from patternc.lowering.devices import DEVICES
from patternc.lowering.scan import TooLongError, counted
from patternc.view.mask import mask_array, relation_mask
from tests.view.relations import loaded, random_relation, relation_of

EXAMPLES = Path(__file__).parents[2] / "examples"
TILE = (8, 16)


def report(instance: Instance, n: int, heads: int | None = None) -> Cost:
    return cost(instance, n, lambda rows, shared, heavy: (4, 4) if shared else TILE, heads, head_dim=4, dtype="float32")


PATTERNS = [
    "pattern a { attend window(5) }",
    "causal pattern a { attend window(5) | stride(7) }",
    "causal pattern a { attend gate(window(5), stride(7, 4)) }",
    "pattern a { attend ring(4, 2) }",
    "causal pattern a { attend chunk(10) | columns(10, 7, 2) }",
    "causal pattern a { attend columns(9, 4, 2) & stride(3) }",
    "pattern a { attend global(2) | window(3, 3) }",
    "pattern a { attend where((q + 2 * k) % 7 == 3) | window(2) }",
    "pattern a { attend heads { 0..2 : window(3 + h); else : gate(sink(2), stride(5, phase = h)) } }",
    "pattern a { attend chunk(20) & where(q % 4 == h % 4 and k % 4 == h % 4) }",
    "pattern a { attend none }",
]


@pytest.mark.parametrize("text", PATTERNS)
@pytest.mark.parametrize("n", [1, 50, 131])
def test_live_pairs_and_blocks_are_those_of_the_mask(text: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patternc.lowering.cost.BLOCK", 16)
    instance = loaded(text)[2]
    found = report(instance, n)
    mask = mask_array(instance, n, found.heads)
    assert found.live == mask.sum()
    edges = np.arange(0, n, 16)
    blocks = np.add.reduceat(np.add.reduceat(mask, edges, axis=2, dtype=np.int64), edges, axis=3)
    assert found.block_sparse == 256 * np.count_nonzero(blocks)
    assert found.live <= found.computed or found.live == 0
    assert found.dense_full == found.heads * n * n


@pytest.mark.parametrize("text", PATTERNS)
def test_tiles_are_those_that_the_emitted_file_visits(text: str) -> None:
    """The emitted file's CPU path walks the same tiles: its keys, a tile of queries at a time, in tiles of 16."""
    n = 131
    instance = loaded(text)[2]
    found = report(instance, n)
    module = patternc.loads(text).module(found.heads if instance.depends_on_head else None)
    parts = sorted((p for p in module.PARTS if not p.below_zero), key=lambda p: p.branch)
    assert [p.branch for p in parts] == [p.branch for p in found.parts]
    for part, mine in zip(parts, found.parts, strict=True):
        assert (part.heads or tuple(range(found.heads))) == mine.heads
        for head, work in zip(mine.heads, mine.works, strict=True):
            visited = live = 0
            for _, keys, pairs in part.pairs(head, n, n, n, TILE[0]):
                live += int(pairs.sum())
                columns = pairs.any(0)
                held = [bool(columns[i : i + TILE[1]].any()) for i in range(0, keys.numel(), TILE[1])]
                visited += sum(held)
            assert work.live == live
            # Tiles without a live pair are visited by no guarded part, and by others only where a bound is not tight.
            assert visited <= work.tiles
            if work.kind in ("band", "residue"):
                assert work.tiles <= visited + len(mine.heads) + n // TILE[0]


@pytest.mark.parametrize("seed", range(3))
def test_random_relations_are_counted_exactly(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(25):
        text, n = random_relation(rng), rng.randint(1, 90)
        relation = relation_of(text)
        mask = relation_mask(relation, n)
        found = counted(relation, n, [(8, 16), (4, 4)])
        assert found.pairs == mask.sum(), (text, n)
        for (rows, columns), tiles in zip([(8, 16), (4, 4)], found.tiles, strict=True):
            by_key = np.add.reduceat(mask, np.arange(0, n, columns), axis=1, dtype=np.int64)
            expected = np.count_nonzero(np.add.reduceat(by_key, np.arange(0, n, rows), axis=0))
            assert tiles == expected, (text, n)


@pytest.mark.parametrize("limit", [0, 1 << 15])
def test_conditions_are_counted_pair_by_pair(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MAX_BIT_ROWS", limit)
    monkeypatch.setattr(scan, "SLICE", 1 << 10)
    relation = relation_of("where((q + 2 * k) % 7 == 3 and q % 3 != 1)")
    mask = relation_mask(relation, 100)
    found = counted(relation, 100, [(16, 16)])
    assert found.pairs == mask.sum()
    assert found.tiles == (49,)


def test_a_condition_on_a_long_sequence_is_refused() -> None:
    with pytest.raises(TooLongError, match="up to n = 65536"):
        counted(relation_of("where((q + 2 * k) % 7 == 3)"), 1 << 20)


def test_a_million_tokens_take_no_time() -> None:
    program = patternc.driver.load_program(patternc.driver.read_source(str(EXAMPLES / "pi_attention.pat")))
    n = 10**6
    h200 = DEVICES["h200"]
    found = cost(instantiate(program.patterns[0], {}), n, partial(forward_tile, 128, "bfloat16", device=h200))
    window = 65 * n - 64 * 65 // 2
    skips = sum(n - 256 * m for m in range(9))
    assert found.live == 8 * (window + skips)
    assert found.flops(found.live) == 4 * 128 * found.live
    assert found.bytes == 4 * 8 * n * 128 * 2


def test_tile_sizes_are_those_of_the_emitted_file() -> None:
    import torch

    module = patternc.loads("pattern a { attend window(3) }").module()
    names = dict(module.__dict__)
    # The file under test runs in Triton's interpreter, whose tiles are smaller.
    rule = type(module.tiling)(
        module.tiling.__code__, {**names, "INTERPRETED": False}, None, module.tiling.__defaults__
    )
    for head_dim in (16, 64, 80, 128, 192, 256):
        for dtype in (torch.bfloat16, torch.float16, torch.float32):
            for rows in (4, 20, 64, 10**6):
                for name in ("h200", "rtx4090", "mi300x"):
                    device = DEVICES[name]
                    chip = module.Chip(device.shared * 1024, device.hopper, device.hip)
                    tile = rule("forward", head_dim, dtype, rows=rows, chip=chip)
                    written = str(dtype).removeprefix("torch.")
                    assert forward_tile(head_dim, written, rows, False, False, device=device) == (
                        tile.BLOCK_Q,
                        tile.BLOCK_K,
                    )


@pytest.mark.parametrize(
    ("body", "shared"),
    [
        ("stride(512, 8)", True),
        ("stride(700)", True),
        ("stride(64)", False),
        ("stride(700, phase = 3)", False),
        ("stride(512) & where(q % 512 == 3)", False),
        ("per_document(stride(700))", False),
        ("where((q + 2 * k) % 7 == 3)", False),
        ("stride(700) & where(q - k >= h)", False),
    ],
)
def test_classes_share_tiles_as_in_the_emitted_file(body: str, shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    text = f"causal pattern a {{ attend {body} }}"
    module = patternc.loads(text).module(2)
    monkeypatch.setattr(module, "INTERPRETED", False)
    shares = False
    for n in (16384, 5000):
        found = cost(loaded(text)[2], n, partial(forward_tile, 128, "bfloat16", device=DEVICES["h200"]), 2)
        q = torch.empty(1, 2, n, 128, dtype=torch.bfloat16, device="meta")
        call = module._Call(q, q, q, 1.0, None, *[None] * (2 * module.DOCUMENTS))
        monkeypatch.setattr(module, "_chip", lambda device: module.HOPPER)
        for part, mine in zip((p for p in module.PARTS if not p.below_zero), found.parts, strict=True):
            work = mine.works[0]
            tile, classes, _ = module._tile("forward", call, part, [q])
            assert (work.tile, work.classes) == ((tile.BLOCK_Q, tile.BLOCK_K), classes)
            if classes > 1:
                shares = True
                assert work.tiles == module._tiles_along(part, n, tile.BLOCK_Q, classes, keys=False)
                assert work.live <= work.computed
    assert shares == shared


def test_softmaxes_are_counted_once_each() -> None:
    instance = loaded(PATTERNS[8])[2]
    seen = SimpleNamespace(calls=0)

    def progress() -> None:
        seen.calls += 1

    cost(instance, 30, lambda rows, shared, heavy: (4, 4) if shared else TILE, progress=progress)
    assert seen.calls == distinct_softmaxes(instance, None)
