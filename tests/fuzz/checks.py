"""What must hold of every program, whoever draws it: the tests here, or a long campaign."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import torch

from patternc import driver
from patternc.diagnostics import Report
from patternc.frontend import ast, compile_source
from patternc.frontend.parser import parse
from patternc.frontend.printer import print_file
from patternc.ir.instantiate import instantiate
from patternc.pattern import Pattern
from patternc.runtime import loader
from patternc.runtime.testing import Case, counted, poisoned, tensors
from patternc.source import Source
from patternc.view.mask import mask_array
from tests.fuzz.programs import Drawn, Sample
from tests.fuzz.spelling import Speller
from tests.interpreter import forget
from tests.oracle import section1


def pattern_of(drawn: Drawn) -> Pattern:
    """The compiled pattern of a program, which must have no errors."""
    source = Source("fuzzed.pat", print_file(drawn.file))
    program, found = driver.analyse(source)
    assert program is not None, [d.message for d in found]
    return Pattern(instantiate(program.patterns[0], {}), program, source)


def tree_of(text: str) -> ast.File:
    report = Report()
    tree = parse(Source("fuzzed.pat", text), report)
    assert not report.found, [d.message for d in report.found]
    return tree


@contextmanager
def forgetting() -> Iterator[None]:
    """Emitted files that are loaded inside are dropped afterwards: thousands of them would fill the memory."""
    before = set(loader._modules)
    try:
        yield
    finally:
        for key in loader._modules.keys() - before:
            module = loader._modules.pop(key)
            sys.modules.pop(module.__name__, None)
            linecache.cache.pop(str(module.__file__), None)
            forget(module)


def check_text(sample: Sample) -> None:
    """Two spellings of a program are one tree and one program; printed and parsed again they stay what they are."""
    file = sample.drawn.file
    spelling = Speller(Random(sample.seed)).pattern(sample.drawn.pattern)
    canonical = print_file(file)
    assert tree_of(spelling) == file
    assert tree_of(canonical) == file
    assert print_file(tree_of(spelling)) == canonical
    assert compile_source(Source("a", spelling))[0] == compile_source(Source("b", canonical))[0]


def check_mask(sample: Sample) -> None:
    """`Pattern.mask` holds the pairs that section 1 of the language says."""
    drawn = sample.drawn
    pattern = pattern_of(drawn)
    ends = torch.tensor(sample.ends) if pattern.needs_documents else None
    with forgetting():
        _compare_mask(sample, pattern.mask(sample.nk, drawn.heads, nq=sample.nq, cu_seqlens=ends))


def check_relations(sample: Sample) -> None:
    """So does the mask of the relations that a pattern is compiled from, which no file is emitted for."""
    if sample.nq > sample.nk:
        check_mask(sample)
        return
    mask = mask_array(pattern_of(sample.drawn)._instance, sample.nk, sample.drawn.heads, sample.ends)
    _compare_mask(sample, torch.from_numpy(mask[:, :, sample.nk - sample.nq :]))


def _compare_mask(sample: Sample, mask: torch.Tensor) -> None:
    drawn = sample.drawn
    expected = section1.mask(drawn.pattern, drawn.heads, sample.nk, nq=sample.nq, ends=sample.ends)
    assert mask.shape == (len(expected), drawn.heads, sample.nq, sample.nk)
    for b, branch in enumerate(expected):
        for h, pairs in enumerate(branch):
            assert {(q, k) for q, k in mask[b, h].nonzero().tolist()} == pairs, f"branch {b}, head {h}"


def case_of(sample: Sample, pattern: Pattern) -> Case:
    """The call of a sample: query heads in groups, a short head dimension, padding in one of four."""
    o = sample.options
    heads = sample.drawn.heads
    groups = [g for g in range(1, heads + 1) if heads % g == 0]
    group = groups[o[0] % len(groups)]
    batch = 2 if o[1] % 4 == 3 else 1
    lengths = tuple(o[2 + i] % (sample.nk + 1) for i in range(batch)) if o[4] % 4 == 3 else None
    return Case(
        values=(),
        batch=batch,
        kv_heads=heads // group,
        group=group,
        nq=sample.nq,
        nk=sample.nk,
        head_dim=(8, 16, 5, 12)[o[5] % 4],
        transposed=o[6] % 2 == 1,
        lengths=lengths,
        cu_seqlens=sample.ends if pattern.needs_documents else None,
        seed=sample.seed,
    )


def outcome(
    function: Callable[..., Any], case: Case, heads: int, branches: int, dtype: torch.dtype
) -> list[torch.Tensor]:
    """Output, log-sum-exp and gradients of one call."""
    leaves, gradient = tensors(case, heads, branches, "cpu")
    inputs = [x.detach().to(dtype).requires_grad_() for x in leaves]
    options: dict[str, Any] = {}
    if case.lengths is not None:
        options["lengths"] = torch.tensor(case.lengths)
    if case.cu_seqlens is not None:
        options["cu_seqlens"] = torch.tensor(case.cu_seqlens)
    out, lse = function(*inputs, return_lse=True, **options)
    finite = lse.masked_fill(torch.isinf(lse), 0.0)
    slopes = torch.linspace(-1.0, 1.0, max(lse.numel(), 1))[: lse.numel()].reshape(lse.shape)
    total = (out * gradient.to(dtype)).sum() + (finite * slopes.to(dtype)).sum()
    return [out.detach(), lse.detach(), *torch.autograd.grad(total, inputs)]


NAMES = ("output", "log-sum-exp", "gradient of q", "gradient of k", "gradient of v", "gradient of gate")


def check_call(sample: Sample, *, kernels: bool) -> int:
    """The emitted file computes what its dense reference does, forward and backward; how many kernels it launched."""
    heads = sample.drawn.heads
    pattern = pattern_of(sample.drawn)
    case = case_of(sample, pattern)
    with forgetting():
        module = pattern.module(heads)
        module.INTERPRETED = kernels
        block_q, block_k = ((8, 8), (16, 8), (8, 16), (4, 8))[sample.options[7] % 4]
        module.tiling = lambda *_, **__: module.Tiling(block_q, block_k, 4, 1)
        module.CPU_ROWS = block_q
        with counted(module) as launches, poisoned():
            got = outcome(module.attention, case, heads, pattern.branches, torch.float32)
        expected = outcome(module.reference, case, heads, pattern.branches, torch.float64)
    for name, mine, truth in zip(NAMES, got, expected, strict=False):
        torch.testing.assert_close(
            mine.double(), truth, rtol=1e-4, atol=2e-5, msg=lambda m, name=name: f"{name}: {m}\n{case}"
        )
    launched = sum(launches.values())
    assert launched == 0 if not kernels else launched > 0 or torch.isinf(expected[1]).all()
    return launched
