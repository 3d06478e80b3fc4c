"""Decoding from a cache gives what one full pass gives: in chunks, token by token, in every example pattern."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import patternc
from patternc.analysis.retention import NoCacheError, retention
from patternc.driver import load_program, read_source
from patternc.pattern import Pattern
from patternc.runtime import slot_attention
from patternc.runtime.cache import Cache

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {
    "dense": {},
    "local": {"keys": 5},
    "whole": {},
    "sliding": {"keys": 6},
    "window_and_skip": {"k": 3, "p": 7},
    "window_and_skips": {"k": 2, "p": 5, "hops": 2},
    "endless_skips": {"k": 2, "p": 5},
    "window_and_some_skips": {"k": 2, "p": 7},
    "neighbourhood": {"w": 2, "p": 5, "skips": 2},
    "pi_attention": {"k": 3, "p": 5, "hops": 3},
    "pi_skip": {"k": 3, "p": 8, "hops": 2},
    "pi_staggered": {"k": 3, "p": 8, "hops": 2},
    "strided": {"l": 4},
    "fixed": {"l": 6, "c": 2},
    "streaming_llm": {"sinks": 2, "recent": 5},
}
"""The examples that can be decoded, with parameters that make them drop keys within 32 tokens."""
REFUSED = {"longformer": "may see the future", "longnet": "may see the future", "ring_local": "depends on the length n"}
N = 32
CHUNKS = ((N,), (1,) * N, (7, 1, 1, 5, 1, 1, 9, 1, 6), (1, 12, 12, 7))


def examples() -> Iterator[tuple[str, Path]]:
    for path in sorted(EXAMPLES.glob("*.pat")):
        for pattern in load_program(read_source(str(path))).patterns:
            yield pattern.name, path


def example(name: str) -> Pattern:
    path = next(p for n, p in examples() if n == name)
    return patternc.load(path, pattern=name, **SMALL[name])


_patch = pytest.MonkeyPatch()


@pytest.fixture
def plain() -> Iterator[None]:
    """Slots are attended to by plain PyTorch, as without a GPU."""
    _patch.setattr(slot_attention, "INTERPRETED", False)
    yield
    _patch.undo()


def plainly(pattern: Pattern, heads: int = 4) -> Pattern:
    """The pattern, itself computed by plain PyTorch until the fixture takes that back."""
    _patch.setattr(pattern.module(heads), "INTERPRETED", False)
    return pattern


def tensors(
    pattern: Pattern,
    heads: int,
    kv_heads: int,
    n: int = N,
    dim: int = 8,
    dtype: torch.dtype = torch.float32,
    batch: int = 2,
) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(n + heads)
    shapes = [(heads, dim), (kv_heads, dim), (kv_heads, dim)] + [(heads, pattern.branches)] * pattern.gated
    return [torch.randn(batch, h, n, d, generator=generator).to(dtype) for h, d in shapes]


def cache_for(pattern: Pattern, inputs: list[torch.Tensor], max_length: int = N) -> Cache:
    """A cache whose memory holds NaN, so that a slot that is read before it is written shows."""
    (batch, heads, _, dim), kv_heads = inputs[0].shape, inputs[1].shape[1]
    cache = Cache(pattern, batch, max_length, heads=heads, kv_heads=kv_heads, head_dim=dim, dtype=inputs[0].dtype)
    cache.k.fill_(float("nan"))
    cache.v.fill_(float("nan"))
    return cache


def poison_the_dead(cache: Cache) -> int:
    """NaN into every slot whose key no later token sees, counted from the dense mask."""
    pattern, t = cache.pattern, cache.length
    seen = pattern.mask(cache.max_length, heads=cache.heads).any(0)[:, t:]  # on the CPU, whatever the cache is on
    group, poisoned = cache.heads // cache.kv_heads, 0
    for j in range(cache.kv_heads):
        alive = seen[j * group : (j + 1) * group].any(0).any(0)
        start = cache._layout.start[j]
        for slot, position in enumerate(cache.positions(j).tolist()):
            if position < 0 or not alive[position]:
                cache.k[:, start + slot] = cache.v[:, start + slot] = float("nan")
                poisoned += 1
    return poisoned


def decode(cache: Cache, inputs: list[torch.Tensor], chunks: tuple[int, ...], poison: bool = False) -> torch.Tensor:
    outs: list[torch.Tensor] = []
    for end, size in zip(itertools.accumulate(chunks), chunks, strict=True):
        outs.append(cache.attend(*(x[:, :, end - size : end] for x in inputs)))
        if poison and end % 5 == 0:
            poison_the_dead(cache)
    return torch.cat(outs, 2)


def truth(pattern: Pattern, inputs: list[torch.Tensor]) -> torch.Tensor:
    return pattern.reference(*(x.double() for x in inputs))


def close(mine: torch.Tensor, exact: torch.Tensor, tolerance: float = 2e-6) -> None:
    torch.testing.assert_close(mine.double(), exact, rtol=tolerance, atol=tolerance)


def test_the_table_of_examples_is_whole() -> None:
    assert {name for name, _ in examples()} == SMALL.keys() | REFUSED.keys()


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("name", SMALL)
def test_chunks_and_single_tokens_give_one_full_pass(name: str) -> None:
    pattern = plainly(example(name))
    inputs = tensors(pattern, heads=4, kv_heads=2)
    exact = truth(pattern, inputs)
    for chunks in CHUNKS:
        close(decode(cache_for(pattern, inputs), inputs, chunks, poison=True), exact)


@pytest.mark.parametrize("name", ["pi_staggered", "streaming_llm", "strided", "fixed", "endless_skips"])
def test_the_kernel_gives_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_attention, "INTERPRETED", True)
    pattern = example(name)
    inputs = tensors(pattern, heads=4, kv_heads=2)
    exact = truth(pattern, inputs)
    chunks = (6, 1, 1, 1, 14, 1, 1, 7)
    close(decode(cache_for(pattern, inputs), inputs, chunks, poison=True), exact)


def test_the_kernel_in_half_precision_and_with_odd_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_attention, "INTERPRETED", True)
    pattern = patternc.loads("causal pattern p { attend gate(window(4), stride(3, 2) | sink(2)) }")
    for dtype in (torch.float16, torch.bfloat16):
        inputs = [
            x.transpose(1, 2).contiguous().transpose(1, 2) for x in tensors(pattern, 6, 2, n=9, dim=5, dtype=dtype)
        ]
        close(decode(cache_for(pattern, inputs), inputs, (3, 1, 4, 1)), truth(pattern, inputs), 2e-2)


def test_slots_are_split_among_programs_and_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_attention, "INTERPRETED", True)
    pattern = patternc.loads("causal pattern p { attend window(7) | stride(100) }")
    inputs = tensors(pattern, 1, 1, n=700, batch=1)
    cache = cache_for(pattern, inputs, max_length=700)
    monkeypatch.setattr(pattern.module(1), "INTERPRETED", False)
    cache.attend(*(x[:, :, :699] for x in inputs))
    # Most of the 700 slots hold a key that this query does not see.
    out = cache.attend(*(x[:, :, 699:] for x in inputs))
    close(out, truth(pattern, inputs)[:, :, 699:])


@pytest.mark.usefixtures("plain")
def test_queries_without_keys_are_zero_and_gates_keep_their_weights() -> None:
    pattern = patternc.loads("causal pattern p { attend gate(window(6) - window(2), columns(4, 3) & window(9), none) }")
    inputs = tensors(pattern, 2, 1, n=20)
    exact = truth(pattern, inputs)
    assert (exact == 0).all(-1).any()
    for chunks in ((20,), (1,) * 20, (2, 9, 9)):
        close(decode(cache_for(pattern, inputs, 20), inputs, chunks), exact)


@pytest.mark.usefixtures("plain")
def test_heads_with_missing_branches_ignore_their_logits() -> None:
    pattern = patternc.loads(
        "causal pattern p { attend heads { 0..1: window(3)  1..4: gate(window(2), stride(3, 3, h)) } }"
    )
    inputs = tensors(pattern, 4, 4, n=24)
    for chunks in ((1,) * 24, (5, 9, 10)):
        close(decode(cache_for(pattern, inputs, 24), inputs, chunks), truth(pattern, inputs))


@pytest.mark.usefixtures("plain")
def test_long_chunks_are_taken_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patternc.runtime.cache.MAX_SEEN", 100)
    pattern = example("fixed")
    inputs = tensors(pattern, 4, 2)
    close(decode(cache_for(pattern, inputs), inputs, (2, 30)), truth(pattern, inputs))


@pytest.mark.usefixtures("plain")
def test_a_chunk_leaves_live_keys_alone() -> None:
    """Several keys of a chunk may share a slot: one of them is written, so that the order of writes does not matter."""
    pattern = plainly(patternc.loads("causal pattern p { attend chunk(6) }"))
    inputs = tensors(pattern, 4, 2, n=20)
    cache = cache_for(pattern, inputs)
    for n, live in ((8, [6, 7]), (11, [18]), (1, [18, 19])):
        cache.attend(*(x[:, :, cache.length : cache.length + n] for x in inputs))
        assert sorted(p for p in cache.positions(0).tolist() if p >= cache.length // 6 * 6) == live
        assert n == 1 or [p for p in cache.positions(1).tolist() if 8 <= p < 18] == []


@pytest.mark.usefixtures("plain")
def test_a_scale_is_the_callers() -> None:
    pattern = example("sliding")
    inputs = tensors(pattern, 2, 2)
    cache = cache_for(pattern, inputs)
    outs = [cache.attend(*(x[:, :, a:b] for x in inputs), scale=0.3) for a, b in ((0, 9), (9, 20), (20, 21), (21, 32))]
    close(torch.cat(outs, 2), pattern.reference(*(x.double() for x in inputs), scale=0.3))


@pytest.mark.parametrize("name", REFUSED)
def test_examples_that_cannot_be_decoded_say_why(name: str) -> None:
    path = next(p for n, p in examples() if n == name)
    pattern = patternc.load(path, pattern=name)
    layer = patternc.nn.PatternAttention(dim=96, heads=12, pattern=pattern)
    with pytest.raises(ValueError, match=f"pattern: .*pattern {name} .*{REFUSED[name]}"):
        layer.make_cache(1, 100)
    with pytest.raises(NoCacheError):
        retention(pattern._instance, 100, 12, 12)


def layer_of(pattern: Pattern, **options: Any) -> patternc.nn.PatternAttention:
    torch.manual_seed(0)
    return patternc.nn.PatternAttention(dim=32, heads=4, kv_heads=2, pattern=pattern, **options)


@torch.no_grad()
@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    "options", [{}, {"qk_norm": torch.nn.RMSNorm, "rotary": patternc.nn.Rotary(), "gate": "query"}]
)
def test_a_layer_decodes_what_it_computes_in_one_pass(options: Any) -> None:
    layer = layer_of(plainly(example("pi_staggered")), **options)
    x = torch.randn(3, 20, 32)
    cache = layer.make_cache(3, 20)
    outs = [layer(x[:, a:b], cache=cache) for a, b in ((0, 6), (6, 7), (7, 8), (8, 15), (15, 16), (16, 20))]
    torch.testing.assert_close(torch.cat(outs, 1), layer(x), rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.usefixtures("plain")
def test_positions_of_the_rotary_embedding_are_the_callers_where_given() -> None:
    layer = layer_of(plainly(example("sliding")), rotary=patternc.nn.Rotary())
    x, at = torch.randn(2, 9, 32), torch.arange(9) * 3
    cache = layer.make_cache(2, 9)
    outs = [layer(x[:, a:b], positions=at[a:b], cache=cache) for a, b in ((0, 5), (5, 6), (6, 9))]
    torch.testing.assert_close(torch.cat(outs, 1), layer(x, positions=at), rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.usefixtures("plain")
def test_a_beam_goes_on_from_another_and_a_cache_begins_anew() -> None:
    pattern = example("sliding")
    q, k, v = tensors(pattern, 2, 2, n=12)
    cache = cache_for(pattern, [q, k, v])
    cache.attend(q[:, :, :6], k[:, :, :6], v[:, :, :6])
    cache.reorder(torch.tensor([1, 1]))
    for x in (q, k, v):
        x[0, :, :6] = x[1, :, :6]
    rest = [cache.attend(*(x[:, :, t : t + 1] for x in (q, k, v))) for t in range(6, 12)]
    close(torch.cat(rest, 2), truth(pattern, [q, k, v])[:, :, 6:])
    cache.reset()
    close(decode(cache, [q, k, v], (1,) * 12), truth(pattern, [q, k, v]))


def test_the_memory_it_saves_is_stated() -> None:
    layer = layer_of(example("streaming_llm"))
    cache = layer.make_cache(2, 64, dtype=torch.bfloat16)
    assert cache.slots == (7, 7)
    assert cache.nbytes == 2 * 2 * 2 * 7 * 8 * 2
    assert cache.dense_nbytes == 2 * 2 * 2 * 64 * 8 * 2
    assert cache.saved == pytest.approx(1 - 7 / 64)
    # One slot more for all heads together takes keys that nobody sees.
    assert cache.k.numel() * cache.k.element_size() * 2 == cache.nbytes + 2 * 2 * 8 * 2
    assert repr(cache) == "Cache(streaming_llm, 0 of 64 tokens, batch=2, slots=[7, 7], 896 bytes of 8,192)"
    assert layer_of(example("dense")).make_cache(2, 64).saved == 0


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (lambda a: [a[0][:1], *a[1:]], ValueError, r"q: expected \(2, 4, 3, 8\) for this cache, got \(1, 4, 3, 8\)"),
        (lambda a: [a[0], a[1][:, :1], *a[2:]], ValueError, r"k: expected \(2, 2, 3, 8\)"),
        (lambda a: [a[0], a[1], a[2][:, :, :2], a[3]], ValueError, r"v: expected \(2, 2, 3, 8\)"),
        (lambda a: [a[0].half(), *a[1:]], TypeError, "q: expected the cache's dtype, torch.float32, got torch.float16"),
        (lambda a: a[:3], ValueError, r"gate: expected logits \(2, 4, 3, 2\); got None"),
        (lambda a: [*a[:3], a[3][..., :1]], ValueError, r"gate: expected logits \(2, 4, 3, 2\); got \(2, 4, 3, 1\)"),
        (lambda a: [a[0].requires_grad_(), *a[1:]], ValueError, "q: a cache is for inference, expected a call under"),
    ],
)
def test_calls_that_cannot_be_served_say_which_argument_and_why(change: object, kind: type, says: str) -> None:
    pattern = example("pi_attention")
    inputs = tensors(pattern, 4, 2, n=3)
    with pytest.raises(kind, match=says):
        cache_for(pattern, inputs).attend(*change(inputs))  # type: ignore[operator]


def test_more_is_refused_than_a_cache_was_made_for() -> None:
    pattern = example("sliding")
    cache = cache_for(pattern, tensors(pattern, 2, 2), max_length=5)
    cache.attend(*tensors(pattern, 2, 2, n=4))
    with pytest.raises(ValueError, match=r"q: 2 more tokens exceed the cache's max_length of 5 \(it holds 4\)"):
        cache.attend(*tensors(pattern, 2, 2, n=2))
    layer = layer_of(pattern)
    for name, arguments in (("batch", (0, 5)), ("max_length", (1, 0)), ("max_length", (1, 2**30))):
        with pytest.raises(ValueError, match=f"{name}: expected a number from 1"):
            layer.make_cache(*arguments)
    with torch.no_grad(), pytest.raises(ValueError, match="lengths: a cache holds sequences of one length"):
        layer(torch.randn(1, 2, 32), lengths=torch.tensor([1]), cache=layer.make_cache(1, 4))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", SMALL)
def test_gpu(name: str, dtype: torch.dtype) -> None:
    pattern = example(name)
    inputs = [x.cuda() for x in tensors(pattern, 8, 2, n=300, dim=64, dtype=dtype)]
    exact = truth(pattern, inputs)
    for chunks in ((200, *(1,) * 100), (40, 1, 1, 130, 1, 127)):
        cache = Cache(pattern, 2, 300, heads=8, kv_heads=2, head_dim=64, dtype=dtype, device="cuda")
        cache.k.fill_(float("nan"))
        cache.v.fill_(float("nan"))
        close(decode(cache, inputs, chunks, poison=True), exact, 1e-4 if dtype == torch.float32 else 2e-2)


@pytest.mark.gpu
@torch.no_grad()
def test_gpu_layer() -> None:
    pattern = patternc.load(EXAMPLES / "streaming_llm.pat", recent=200)
    layer = patternc.nn.PatternAttention(256, 8, 1, pattern=pattern, rotary=patternc.nn.Rotary()).cuda()
    x = torch.randn(2, 1500, 256, device="cuda")
    cache = layer.make_cache(2, 4096)
    outs = [layer(x[:, :900], cache=cache), layer(x[:, 900:1490], cache=cache)]
    outs += [layer(x[:, t : t + 1], cache=cache) for t in range(1490, 1500)]
    torch.testing.assert_close(torch.cat(outs, 1), layer(x), rtol=1e-3, atol=1e-3)
