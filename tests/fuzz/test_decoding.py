"""Random causal programs, decoded in chunks and token by token, against the dense reference."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch

from patternc.runtime import slot_attention
from patternc.runtime.cache import Cache
from tests.fuzz.checks import forgetting, pattern_of
from tests.fuzz.programs import LENGTH, Drawn, program
from tests.fuzz.tape import Tape

N = 26


def check(drawn: Drawn, random: Random) -> bool:
    """Whether the program can be decoded; then it must give what the reference does."""
    pattern, heads = pattern_of(drawn), drawn.heads
    kv_heads = random.choice([j for j in range(1, heads + 1) if heads % j == 0])
    try:
        cache = Cache(pattern, 2, N, heads=heads, kv_heads=kv_heads, head_dim=4)
    except ValueError:
        return False
    cache.k.fill_(float("nan"))
    cache.v.fill_(float("nan"))
    generator = torch.Generator().manual_seed(random.randrange(2**30))
    shapes = [(heads, 4), (kv_heads, 4), (kv_heads, 4)] + [(heads, pattern.branches)] * pattern.gated
    inputs = [torch.randn(2, h, N, d, generator=generator) for h, d in shapes]
    with forgetting():
        pattern.module(heads).INTERPRETED = False
        outs: list[torch.Tensor] = []
        while cache.length < N:
            at, size = cache.length, min(N - cache.length, random.choice((1, 1, 1, 2, 3, 7)))
            outs.append(cache.attend(*(x[:, :, at : at + size] for x in inputs)))
        exact = pattern.reference(*(x.double() for x in inputs))
    message = f"{drawn}, {kv_heads} key-value heads"
    torch.testing.assert_close(
        torch.cat(outs, 2).double(), exact, rtol=1e-4, atol=1e-5, msg=lambda m: f"{m}\n{message}"
    )
    return True


def campaign(programs: int, seed: int) -> int:
    """How many programs were decoded."""
    random, found = Random(seed), 0
    for _ in range(programs):
        drawn = program(Tape(random.randbytes(LENGTH)))
        found += check(Drawn(replace(drawn.pattern, causal=True), drawn.heads), random)
    return found


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_attention, "INTERPRETED", False)


def test_random_programs_are_decoded() -> None:
    assert campaign(60, seed=3) > 10


@pytest.mark.slow
def test_many_random_programs_are_decoded() -> None:
    assert campaign(1500, seed=4) > 500
