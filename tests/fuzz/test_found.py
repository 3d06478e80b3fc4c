"""Programs on which the fuzzer found a fault, reduced by hand; each stands for a kind of mistake."""

from __future__ import annotations

import pytest

from tests.fuzz.checks import check_call, check_mask, tree_of
from tests.fuzz.programs import Drawn, Sample

FOUND = {
    "a tile of masked blocks without a live pair": ("where(q % 4 == 1)", 5, 5, None),
    "rows of a class so far apart that 32 bits overflow": ("mirror(stride(2 ** 30, 3)) | sink(1)", 8, 8, None),
    "columns so far apart that 32 bits overflow": ("columns(2 ** 30) | columns(2 ** 29, 3)", 8, 8, None),
    "a ring wider than any sequence": ("full - ring(2 ** 40) | ring(2 ** 40) & sink(2)", 5, 5, None),
    "a query below 0 lies in no document": ("mirror(same_document)", 8, 18, (0, 8)),
    "delta is read before it is written": ("stride(h + 1, all, phase = 3) | stride(17, 15, 2)", 9, 9, None),
    "a document's length next to a constant of 64 bits": ("per_document(where(n % 2 ** 40 != k))", 5, 5, (0, 2, 5)),
    "a length next to a constant of 64 bits": ("where(n // 7 // 2 ** 40 <= k)", 5, 5, None),
    "chunks whose distance times their size overflows": ("chunk(65536, 32769)", 5, 5, None),
    "constants of 64 bits, head by head": ("where(q - 2 ** 40 * (1 - 3 * h) < k)", 5, 5, None),
    "a constant of 64 bits plus the head": ("window(3) - where(q + (2 ** 40 + h) + q == 0)", 5, 5, None),
    "a negative divisor": ("where(k % -17 % -3 <= 0 and (q + 3) // -5 < 2)", 8, 20, None),
}


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("kernels", [False, True], ids=["cpu", "kernels"])
def test_found(name: str, kernels: bool) -> None:
    relation, nk, nq, ends = FOUND[name]
    drawn = Drawn(tree_of(f"pattern found {{ attend {relation} }}").items[0], heads=2)
    for options in ((0,) * 8, (0, 0, 0, 0, 3, 0, 1, 3)):
        sample = Sample(drawn, nk, nq, ends or (0, nk), seed=0, options=options)
        check_mask(sample)
        check_call(sample, kernels=kernels)
