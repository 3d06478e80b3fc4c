"""Claims about all parameters: the verdict that must come, and that counting never contradicts it."""

from __future__ import annotations

import pytest

from patternc import driver
from patternc.analysis.rules import decide
from patternc.analysis.verdict import Verdict
from patternc.ir.program import Program, Prove
from patternc.source import Source
from tests.analysis.families import FAMILIES, Family
from tests.analysis.judge import points, verdict

BY_NAME = {family.name: family for family in FAMILIES}
PREFIX = "k*L + max(0, p - k)*max(0, L - (p - 1 + k - 1) // k + 1)"

CLAIMS = """
# The paper's claim, read literally and otherwise.
skips_(M = 1) if k >= 1: reach(L) <= k*L + p*ceil_log2(L)                       -> refuted L=1 k=1 p=2
skips_(M = 1) if k >= 1, L >= 2: reach(L) <= k*L + p*ceil_log2(L)               -> refuted L=2 k=1 p=3
skips_(M = 1) if p <= k: reach(L) <= k*L + p*ceil_log2(L)                       -> proved
skips_(M = 1) if p >= 3*k: reach(L) >= k*L + p*ceil_log2(L)                     -> proved
skips_(M = 1) if p >= 2*k: reach(L) >= k*L + p*ceil_log2(L)                     -> refuted
skips_(M = 1) if k >= 1, L >= 2, p >= k + 2: prefix(L) <= k*L + p*ceil_log2(L)  -> refuted L=6 k=1 p=3

# Reach.
skips_: reach(L) == L*max(k, p*M)                                               -> proved
skips_ if p > k, M >= 1: reach(L) == L*p*M                                      -> proved
skips_: reach(L) == L*p*M                                                       -> refuted
gated_: reach(L) >= k*L                                                         -> proved
window_: reach(L) == k*L                                                        -> proved
window_: reach(2*L) == 2*reach(L)                                               -> proved
endless_: reach(L) == oo                                                        -> proved
endless_: reach(L) <= 1000*L                                                    -> refuted
symmetric_(M = 1): reach(L) == L*max(k, p)                                      -> proved
neighbourhood_ if M >= 0, p > w: reach(L) == L*(w + M*p)                                -> proved

# Prefixes, coverage and gaps.
skips_(M = 1) if k >= 1: prefix(L) == PREFIX                                    -> proved
skips_(M = 1) if k >= 1: prefix(L) == PREFIX + 1                                -> refuted
skips_(M = 1) if k >= 1: prefix(L) <= reach(L) < coverage(L) + p*L*p            -> proved
skips_ if k >= 1: k*L <= prefix(L) <= reach(L)                                  -> proved
skips_(M = 1) if k >= 1, p > k, L < (p - 1 + k - 1) // k: prefix(L) == k*L      -> proved
skips_(M = 1) if k >= 1, p <= k + 1: gapfree(L)                                 -> proved
skips_(M = 1) if k >= 1: gapfree(L)                                             -> refuted
skips_(M = 1) if k >= 1, p > k + 1: prefix(L) < reach(L)                        -> proved
skips_ if k == 0, p >= 2: prefix(L) == 0                                        -> proved
skips_ if k == 0: coverage(L) == M*L + 1                                        -> proved
skips_(M = 1) if k >= 1, p > k: coverage(L) <= p*L + 1                          -> proved
window_: coverage(L) == k*L + 1                                                 -> proved
window_: gapfree(L)                                                             -> proved
endless_ if k >= 1, L >= 2 + (p - 1) // k: prefix(L) == oo                      -> proved
endless_ if k >= 1: prefix(L) >= k*L                                            -> proved
symmetric_(M = 1) if k >= 1, L <= (p + k - 2) // k // 2: prefix(L) == k*L       -> proved
symmetric_(M = 1) if k >= 1: prefix(L) >= k*L                                   -> proved
neighbourhood_ if M >= 0, p > w, w*L >= p - 1: gapfree(L)                               -> proved
neighbourhood_ if M >= 0, p > w: gapfree(L)                                             -> refuted
neighbourhood_ if M >= 0, p > w: coverage(L) <= (M*L + 1)*(w*L + 1)                     -> proved

# By bounds, where closed forms are too intricate or there are none.
symmetric_ if k >= 1, p > k, M >= 1: coverage(L) >= k*L + 1                     -> proved
symmetric_ if k >= 1, p > k, M >= 1: coverage(L) <= L*p*M + 1                   -> proved
symmetric_ if k >= 1, p > k, M >= 1: coverage(L) <= L*p*M                       -> refuted
run_ if 0 <= a, a < k, k < p: prefix(L) >= k*L  -> proved
run_ if 0 <= a, a < k, k < p: coverage(L) >= k*L + 1  -> proved
run_ if 0 <= a, a < k, k < p: coverage(L) <= reach(L) + 1  -> proved
run_ if 0 <= a, a < k, k < p: prefix(L) > k*L  -> refuted

# Costs.
skips_: edges(n) <= n*(k + M + 2)                                               -> proved
gated_: edges(n) <= n*(k + M + 2)                                               -> proved
gated_: edges(n) <= n*(k + M)                                                   -> refuted
skips_(M = 1): edges(n) <= n*(k + 2)                                            -> proved
endless_ if k >= 1: edges(n) <= n*(k + 2)                                       -> refuted
endless_: 2*p*edges(n) >= n*n                                                   -> proved
window_(r = 0) if n > k: edges(n) == n*(k + 1) - k*(k + 1)//2                   -> proved
window_(r = 0): edges(n) == n*(k + 1) - k*(k + 1)//2                            -> refuted
gated_ if n > k, n > M*p: edges(n) == n*(k + M + 2) - k*(k + 1)//2 - p*(M*(M + 1)//2)  -> proved
ring_: edges(n) <= n*(l + r + 1)                                                -> proved
chunks_(back = 0): edges(n) <= n*b                                              -> proved
sinks_: edges(n) <= n*(k + 1 + g)                                               -> proved
window_and_ends_: edges(n) <= n*(k + 1 + n // p)                                -> proved

# Depth.
window_(r = 0) if k >= 1: depth(n) == (n - 1 + k - 1) // k                      -> proved
window_(r = 0): depth(n) <= n                                                   -> refuted
window_ if k >= 1, r >= 1: depth(n) <= n - 1                                    -> proved
skips_(M = 1) if k >= 1: covers(n, layers = L)                                  -> refuted
skips_(M = 1) if k >= 1, L >= n: covers(n, layers = L)                          -> proved
skips_(M = 1) if k >= 1, n <= k*L + 1: covers(n, layers = L)                    -> proved
endless_ if k >= 1: depth(n) <= 1 + (p - 1 + k - 1) // k                        -> proved
endless_ if k >= 1: depth(n) <= (p - 1 + k - 1) // k                            -> refuted
endless_: depth(n) < oo                                                         -> refuted
neighbourhood_ if M >= 0, p > w, w >= 1, n <= w*L + 1: covers(n, layers = L)            -> proved
symmetric_(M = 1) if k >= 1, p > k, n >= p + k: depth(n) <= n                   -> proved
symmetric_endless_ if k >= 1, k < p, n >= 3*p: depth(n) <= 2 + (p // 2 + k - 1) // k  -> proved
symmetric_endless_ if k >= 1, k < p, n >= 3*p: depth(n) >= 2                    -> proved
sinks_ if k >= 1: depth(n) <= n                                                 -> proved
sinks_ if n <= g: depth(n) <= 1                                                 -> proved
global_ if g >= 1: depth(n) <= 2                                                -> proved
chunks_ if back >= 1: depth(n) <= n                                             -> proved
chunks_ahead_ if n > b, b >= 2: depth(n) == oo                                  -> proved
chunk_ends_: depth(n) <= 2                                                      -> proved
chunk_ends_: depth(n) <= 1                                                      -> refuted
ring_ if l + r >= 1: depth(n) <= n - 1                                          -> proved
ring_: depth(n) <= n                                                            -> refuted
window_and_ends_ if 1 <= k <= p, n >= 2*p: depth(n) == 1 + (p - 1 + k - 1) // k -> proved

neighbourhood_ if p > w: reach(L) == L*(w + M*p)                                -> refuted M=-1

# With numbers for the periods.
skips_(k = 64, p = 256, M = 8) if n <= 32768: depth(n) <= 24                    -> proved
skips_(k = 64, p = 256, M = 8) if L >= 4: prefix(L) == (8*(L - 4) + 1)*256 + 192  -> proved
skips_(k = 3, p = 7) if M >= 1: coverage(L) <= 7*M*L + 1                        -> proved
skips_(k = 3, p = 7): coverage(L) <= 7*M*L + 1                                  -> refuted
"""


def claims() -> list[tuple[str, str]]:
    lines = [line for line in CLAIMS.replace("PREFIX", PREFIX).splitlines() if "->" in line]
    return [(claim.strip(), expected.strip()) for claim, _, expected in (line.partition("->") for line in lines)]


def decided(claim: str) -> tuple[Program, Prove, Family, Verdict | None]:
    name = claim.split("(")[0].split(":")[0].split()[0]
    family = BY_NAME[name]
    program = driver.load_program(Source("claims", f"{family.text}\nprove {claim}\n"))
    return program, program.proves[0], family, decide(program, program.proves[0])


@pytest.mark.parametrize(("claim", "expected"), claims(), ids=[c for c, _ in claims()])
def test_verdict(claim: str, expected: str) -> None:
    program, item, family, found = decided(claim)
    outcome, *numbers = expected.split()
    assert found is not None
    assert found.outcome == outcome, found.reason
    assert found.reason
    pattern = program.patterns[0]
    given = {name: value.value for name, value in item.arguments}  # type: ignore[attr-defined]
    if found.proved:
        small = [p for p in points(family, item) if all(p[name] == value for name, value in given.items())]
        judged = [verdict(family, pattern, item, p) for p in small]
        assert False not in judged, small[judged.index(False)]
        assert True in judged or not small
        return
    assert found.counterexample is not None
    chosen = {**found.counterexample["parameters"]}
    chosen |= {name: found.counterexample[key] or 1 for name, key in (("L", "layers"), ("n", "n"))}
    assert verdict(family, pattern, item, chosen) is not True
    assert all(chosen[name] == int(value) for name, value in (n.split("=") for n in numbers)), chosen


PAIRS = """
causal pattern a(k = 2, p = 5, M = 2) { require p > k; attend window(k) | stride(p, M) }
causal pattern b(k = 2, p = 5) { attend window(k) | stride(p) }
pattern c(k = 2, p = 5, r = 1) { attend window(k, r) | stride(p, 1) }
pattern d(p = 5) { attend stride(p, 2, p) }
causal pattern e(k = 2) { attend window(k) | sink(4) }
causal pattern f(k = 2, p = 5, M = 2) { require p > k; attend window(k + 1) | stride(p, M + 1) }
causal pattern g(p = 5) { attend stride(2 * p) }
causal pattern g1(p = 5) { attend stride(p) }
"""


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        ("a: causal", "proved"),
        ("c: causal", "refuted"),
        ("c(r = 0): causal", "proved"),
        ("e: causal", "proved"),
        ("a: nonempty", "proved"),
        ("d: nonempty", "refuted"),
        ("a: subset(b)", "proved"),
        ("b: subset(a)", "refuted"),
        ("a: subset(f)", "proved"),
        ("f: subset(a)", "refuted"),
        ("a: equal(a)", "proved"),
        ("a: equal(b)", "refuted"),
        ("g: subset(g1)", "proved"),
        ("g1: subset(g)", "refuted"),
    ],
)
def test_claims_about_pairs(claim: str, outcome: str) -> None:
    program = driver.load_program(Source("pairs", f"{PAIRS}\nprove {claim}\n"))
    found = decide(program, program.proves[0])
    assert found is not None
    assert found.outcome == outcome, found


HEADS = """
causal pattern phases(k = 4, p = 9) { attend window(k) | stride(p, all, h) }
causal pattern staggered(k = 8, p = 16, hops = 2) {
    require hops >= 1, p > k
    attend gate(window(k), stride(p, hops, phase = h * p // heads))
}
causal pattern alone(p = 9) { attend stride(p, all, h) }
causal pattern halves(k = 4, p = 9) {
    attend heads {
        0..2: window(k)
        2..4: window(k) | stride(p, 1)
    }
}
causal pattern rest(k = 4, p = 9) {
    attend heads {
        0..2: window(k)
        else: stride(p, 1)
    }
}
"""


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        ("phases(heads = 4) if k >= 1: depth(n) <= 1 + (p - 1 + k - 1) // k", "proved"),
        ("phases(heads = 4) if k >= 4, p >= 5: prefix(1) == k", "refuted"),
        ("phases(heads = 4): reach(L) == oo", "proved"),
        ("phases: reach(L) == oo", "proved"),
        ("phases: nonempty", "proved"),
        ("phases(k = 0): reach(L) == oo", "proved"),
        ("alone(heads = 3): nonempty", "refuted"),
        ("staggered(heads = 2): edges(n) <= n*(k + hops + 2)", "proved"),
        ("staggered(heads = 2): reach(L) <= L*p*(hops + 1)", "proved"),
        ("staggered(heads = 2): reach(L) == L*p*hops", "refuted"),
        ("halves: reach(L) == L*max(k, p)", "proved"),
        ("halves: edges(n) <= n*(k + 2)", "proved"),
        ("halves: edges(n) <= n*(k + 1)", "refuted"),
        ("halves if k >= 1, p <= k + 1: gapfree(L)", "proved"),
        ("rest(heads = 4): reach(L) == L*max(k, p)", "proved"),
        ("rest(heads = 2): reach(L) == L*k", "proved"),
        ("rest: reach(L) == L*max(k, p)", "proved"),
    ],
)
def test_claims_about_heads(claim: str, outcome: str) -> None:
    program = driver.load_program(Source("heads", f"{HEADS}\nprove {claim}\n"))
    found = decide(program, program.proves[0])
    assert (found.outcome if found is not None and not found.unknown else "undecided") == outcome, found


def test_skips_of_several_periods_are_enclosed() -> None:
    text = """
    pattern mixed(k = 2, p = 5, q_ = 7) { attend window(k) | stride(p, 3) | stride(q_, 2) }
    prove mixed: coverage(L) >= k*L + 1
    prove mixed if L >= 3: prefix(L) >= k*L
    prove mixed: coverage(L) <= L*max(k, 3*p, 2*q_) + 1
    prove mixed: prefix(L) <= reach(L)
    """
    program = driver.load_program(Source("mixed", text))
    for item in program.proves:
        found = decide(program, item)
        assert found is not None
        assert found.proved, (item.text, found)


def test_what_no_rule_reaches_is_not_guessed() -> None:
    text = """
    pattern odd(k = 2, p = 5) { attend window(k) | where(q % 2 == 0 and d % p == 0) }
    pattern documents(k = 2) { attend window(k) & same_document }
    pattern mixed(k = 2, p = 5, q_ = 7) { attend window(k) | stride(p, 3) | stride(q_, 2) }
    prove odd: reach(L) >= 0
    prove documents: causal
    prove documents: reach(L) == k*L
    prove mixed: coverage(L) >= L
    prove mixed if L >= 3, k < p, k < q_: prefix(L) >= k*L + 1
    """
    program = driver.load_program(Source("unknown", text))
    for item in program.proves:
        found = decide(program, item)
        assert found is None or found.unknown, (item.text, found)
        assert found is None or found.reason


def test_contradictory_conditions_leave_nothing_to_show() -> None:
    text = "pattern w(k = 2) { attend window(k) } prove w if k > 3, k < 3: reach(L) == 7"
    program = driver.load_program(Source("empty", text))
    found = decide(program, program.proves[0])
    assert found is not None
    assert found.proved
    assert "nothing satisfies" in found.reason
