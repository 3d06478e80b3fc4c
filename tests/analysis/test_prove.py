"""`prove`: verdicts, counterexamples and their order, paths, and what it must not say."""

from __future__ import annotations

import random
from itertools import product

import pytest

from patternc import driver
from patternc.analysis import search
from patternc.analysis.prove import prove, prove_all
from patternc.analysis.question import Range
from patternc.ir.instantiate import InstantiationError
from tests.analysis.models import program_of, verdict_of
from tests.oracle import graph

PI = """
causal pattern pi(k = 4, p = 16, hops = 2) {
    require hops >= 1, p > k
    attend gate(window(k), stride(p, hops))
}
stack lm(depth = 5) { layers depth: pi }
stack doubling(k = 4) { layers 6: pi(k = k, p = 5 * 2 ** layer, hops = 1) }
pattern sinks(g = 2) { attend window(3) | sink(g) }
pattern around(k = 2) { attend ring(k) }
causal pattern endless(k = 4, p = 16) { attend window(k) | stride(p) }
pattern by_head { attend heads { 0..2: window(2)  2..4: stride(4) } }
pattern phases(w = 1) { attend window(w) | stride(8, 0, phase = h) }
pattern full_one { attend full }
"""


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        ("pi(k = 4, p = 16, hops = 2): reach(3) == 96", "proved"),
        ("pi(k = 4, p = 16, hops = 2): reach(3) == 95", "refuted"),
        ("pi(k = 4, p = 16, hops = 2): 95 < reach(3) <= 96 != oo", "proved"),
        ("pi(k = 4, p = 16, hops = 2): prefix(4) == 4 * 3 + 16", "proved"),
        ("pi(k = 4, p = 16, hops = 2): coverage(1) == 7", "proved"),
        ("pi(k = 4, p = 16, hops = 2): coverage(1) == reach(1) + 1", "refuted"),
        ("pi(k = 4, p = 16, hops = 2): depth(1) == 0", "proved"),
        ("pi(k = 4, p = 16, hops = 2): covers(1, layers = 0)", "proved"),
        ("pi(k = 4, p = 16, hops = 2): covers(2, layers = 0)", "refuted"),
        ("pi(k = 4, p = 16, hops = 2): edges(1) == 2", "proved"),
        ("pi(k = 4, p = 16, hops = 2): reach(0) == 0", "proved"),
        ("pi(k = 4, p = 16, hops = 2) if k == 3: reach(1) == 0", "proved"),
        ("lm: reach(L) == 32 * L", "proved"),
        ("lm: covers(200)", "refuted"),
        ("lm: depth(60) == 5", "proved"),
        ("lm: depth(160) == oo", "proved"),
        ("lm(depth = 9): covers(160)", "proved"),
        ("doubling: reach(L) == 5 * (2 ** L - 1)", "proved"),
        ("doubling: gapfree(L)", "proved"),
        ("doubling: reach(L) == 5 * 2 ** L - L", "refuted"),
        ("endless(k = 4, p = 16): reach(1) == oo", "proved"),
        ("endless(k = 4, p = 16): prefix(4) == 28", "proved"),
        ("endless(k = 4, p = 16): prefix(5) == oo", "proved"),
        ("endless(k = 4, p = 16): gapfree(5)", "proved"),
        ("endless(k = 4, p = 16): gapfree(4)", "refuted"),
        ("endless(k = 4, p = 16): covers(n, layers = 5)", "proved"),
        ("endless(k = 4, p = 16): covers(n, layers = 4)", "refuted"),
        ("around(k = 2): depth(9) == 4", "proved"),
        ("around(k = 2): edges(9) == 27", "proved"),
        ("by_head: covers(17, layers = 3)", "proved"),
        ("by_head: edges(8) == 21", "proved"),
        ("by_head: nonempty", "proved"),
        ("phases(w = 1, heads = 8): covers(9, layers = 2)", "proved"),
        ("phases(w = 1, heads = 2): reach(1) == 1", "proved"),
        ("phases(w = 1, heads = 12): reach(1) == 11", "proved"),
        ("pi: subset(full_one)", "proved"),
        ("pi: subset(endless)", "proved"),
        ("endless: subset(pi)", "refuted"),
        ("sinks(g = 0): reach(2) == 6", "proved"),
    ],
)
def test_verdicts(claim: str, outcome: str) -> None:
    assert verdict_of(PI, claim).outcome == outcome


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("sinks(g = 2): reach(2) == 6", "ask `covers` or `depth`"),
        ("around(k = 2): prefix(2) == 4", "length of the sequence"),
        ("lm: reach(9) == 1", "lm has 5 layers only"),
        ("pi(k = 4, p = 16, hops = 2): reach(1) == 5 // 0 + 27", "the claim has no value"),
        ("pi(k = 4, p = 16, hops = 2): reach(1) == oo - oo", "the claim has no value"),
    ],
)
def test_unknown_says_why(claim: str, reason: str) -> None:
    try:
        verdict = verdict_of(PI, claim)
    except driver.DiagnosticError:
        pytest.skip("the frontend refuses it")
    assert verdict.unknown
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("claim", "example"),
    [
        (
            "pi: reach(L) <= k * L + p * ceil_log2(L)",
            {"layers": 1, "parameters": {"k": 0, "p": 1, "hops": 1}, "lag": 1},
        ),
        (
            "pi if k >= 1: reach(L) <= k * L + p * ceil_log2(L)",
            {"layers": 1, "parameters": {"k": 1, "p": 2, "hops": 1}},
        ),
        (
            "pi(hops = 1) if k >= 1, L >= 2: reach(L) <= k * L + p * ceil_log2(L)",
            {"layers": 2, "parameters": {"k": 1, "p": 3, "hops": 1}, "lag": 6, "path": [3, 3], "values": [6, 5]},
        ),
        ("pi(k = 1, p = 6, hops = 1): covers(9, layers = 3)", {"layers": 3, "n": 9, "lag": 4, "pair": [4, 0]}),
        ("pi(k = 1, p = 6, hops = 1): covers(n, layers = 3)", {"layers": 3, "n": 5, "pair": [4, 0]}),
        ("sinks: causal", {"n": 2, "parameters": {"g": 2}, "pair": [0, 1]}),
        ("endless: edges(n) <= n * (k + 2)", {"n": 4, "parameters": {"k": 0, "p": 1}, "values": [10, 8]}),
        ("endless: subset(pi)", {"n": 4, "parameters": {"k": 0, "p": 1, "hops": 1}, "pair": [2, 0]}),
    ],
)
def test_counterexamples_are_the_smallest(claim: str, example: dict[str, object]) -> None:
    found = verdict_of(PI, claim, budget=2)
    assert found.refuted
    assert found.counterexample is not None
    if "subset" in claim:
        example = {**example, "n": 3}
    assert {key: found.counterexample[key] for key in example} == example


def test_a_refutation_says_why() -> None:
    text = "causal pattern s(a = 4, b = 6) { attend stride(a) | stride(b) }"
    found = verdict_of(text, "s(a = 4, b = 6): covers(20, layers = 9)")
    assert found.counterexample is not None
    assert "every lag of a layer is a multiple of 2" in found.counterexample["why"]
    found = verdict_of(PI, "pi(k = 1, p = 6, hops = 1): covers(9, layers = 3)")
    assert "the nearest are 3 and 6" in found.reason


def test_json_has_the_promised_keys() -> None:
    found = verdict_of(PI, "pi(k = 4, p = 16, hops = 2): reach(3) == 95").to_json()
    assert list(found)[:5] == ["name", "claim", "verdict", "counterexample", "reason"]
    assert (found["name"], found["claim"], found["verdict"]) == ("pi", "reach(3) == 95", "refuted")
    assert {"layers", "n", "parameters", "why"} <= found["counterexample"].keys()


def test_paths_of_proofs_lead_there() -> None:
    """The hops of a path add up to its lag, each is a lag of its layer, and together they are as many as the layers."""
    found = verdict_of(PI, "doubling: covers(40)")
    assert found.path is not None
    layers = [{*range(5), 5 * 2**i} for i in range(6)]
    depth = len(found.path)
    assert all(hop in layers[depth - 1 - i] for i, hop in enumerate(found.path))
    found = verdict_of(PI, "around(k = 2): covers(9, layers = 4)")
    assert found.path is not None
    assert all(hop % 9 <= 2 for hop in found.path)


def test_stated_assumptions() -> None:
    assert any("8 heads" in note for note in verdict_of(PI, "phases(w = 1): covers(9, layers = 2)").notes)
    assert not verdict_of(PI, "phases(w = 1, heads = 8): covers(9, layers = 2)").notes
    text = "pattern d { attend per_document(window(2)) }"
    assert any("one document" in note for note in verdict_of(text, "d: covers(9, layers = 4)").notes)


def test_values_that_the_pattern_does_not_take_are_an_error() -> None:
    with pytest.raises((InstantiationError, driver.DiagnosticError)):
        verdict_of(PI, "pi(k = 20, p = 16, hops = 2): causal")


def test_nothing_is_proved_by_trying_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims that fail far away only, with the rules switched off: never proved."""
    monkeypatch.setattr("patternc.analysis.rules.decide", lambda program, item: None)
    monkeypatch.setattr("patternc.analysis.eventual.decide", lambda question: None)
    for claim in (
        "pi: reach(L) <= 100000 * L * L",
        "pi: reach(L) == L * p * hops",
        "pi: edges(n) <= 1000000 + n * n",
        "pi: k * k < 10 ** 9",
        "endless(k = 4, p = 16): depth(n) <= 5",
    ):
        verdict = verdict_of(PI, claim, budget=0.2)
        assert not verdict.proved, claim


def test_few_values_are_all_tried() -> None:
    assert verdict_of(PI, "pi(k = 4, p = 16, hops = 2) if L <= 9: reach(L) == 32 * L").proved
    assert verdict_of(PI, "pi(hops = 1) if 1 <= k, k <= 3, 4 <= p, p <= 9: reach(2) == 2 * p").proved
    found = verdict_of(PI, "pi(hops = 1) if 1 <= k, k <= 3, 4 <= p, p <= 9: prefix(2) == 2 * k")
    assert found.refuted


def test_rules_and_search_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the rules prove, no small numbers refute."""
    claims = [
        "pi: reach(L) == L * p * hops",
        "pi: causal",
        "pi: edges(n) <= n * (k + hops + 2)",
        "endless: depth(n) <= 2 + p",
        "endless if k >= 1: depth(n) <= 1 + (p + k - 2) // k",
        "pi(hops = 1): prefix(L) >= k * L",
        "pi(hops = 1): gapfree(L)",
    ]
    program = program_of(PI)
    for claim in claims:
        item = driver.parse_claim(claim, program)
        verdict = prove(program, item, budget=0.3)
        question = search.Question(program, item)
        found = search.Search(question, 0.5).run()
        assert (found is not None) == verdict.refuted, claim


@pytest.mark.parametrize(
    ("measure", "lengths"), [("prefix", False), ("coverage", False), ("depth", True), ("edges", True)]
)
def test_growth_of_an_irregular_pattern_is_linear_in_the_end(measure: str, lengths: bool) -> None:
    """Numbers for the pattern, layers or tokens free: the true line is proved, and one beside it is not."""
    rng = random.Random(12)
    for _ in range(6):
        lags = sorted({1, *rng.sample(range(2, 14), rng.randint(1, 3))})
        text = f"causal pattern a {{ attend window(0) | {' | '.join(f'stride({d}, 1)' for d in lags)} }}"
        top = lags[-1]
        masks = graph.mask(("|", ("window", 0), *(("stride", d, 1) for d in lags)), 160)
        if measure == "edges":
            slope, at = len(lags) + 1, 20
            value = int(masks[:at, :at].sum())
            line = f"edges(n) == {slope} * n - {slope * at - value}"
            right, wrong = f"a if n >= {at}: {line}", f"a if n >= {at}: {line} + 1"
        elif measure == "depth":
            bound = f"depth(n) <= {top} + (n - 1) // {top}"
            right, wrong = f"a: {bound}", f"a: depth(n) <= (n - 1) // {top}"
        else:
            totals = [graph.measures(graph.lags_after([set(lags)] * count)) for count in range(1, 21)]
            index = 2 if measure == "prefix" else 1
            value, step = totals[-1][index], totals[-1][index] - totals[-2][index]
            line = f"{measure}(L) == {value} + {step} * (L - 20)"
            right, wrong = f"a if L >= 20: {line}", f"a if L >= 20: {line} - 1"
        assert verdict_of(text, right, budget=0.2).proved, (text, right)
        assert not verdict_of(text, wrong, budget=0.2).proved, (text, wrong)


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        ("turned: depth(n) <= 4", "refuted"),
        ("turned: edges(n) <= 5 * n", "proved"),
        ("turned: edges(5) >= prefix(9)", "unknown"),
        ("short: depth(n) <= n", "proved"),
        ("short: reach(L) >= 0", "unknown"),
    ],
)
def test_where_the_length_decides_a_claim_still_gets_a_verdict(claim: str, outcome: str) -> None:
    text = "pattern turned { attend mirror(ring(2, 2)) } causal pattern short { attend where(d <= n - 1) }"
    assert verdict_of(text, claim).outcome == outcome


def test_all_claims_of_a_file() -> None:
    program = program_of(PI + "prove pi: causal\nprove lm: covers(60)\nprove lm: covers(61000)\n")
    assert [v.outcome for _, v in prove_all(program)] == ["proved", "proved", "refuted"]


@pytest.mark.parametrize(
    "kind", ["where((3 * q + 5 * k) % 61 < 2)", "window(1, 1) & where(q != 100)", "columns(64, 63) | window(9)"]
)
def test_numbers_up_to_4096_tokens_are_never_unknown(kind: str) -> None:
    text = f"pattern a {{ attend {kind} }} stack s {{ layers 64: a }}"
    assert not verdict_of(text, "a: covers(4096, layers = 64)").unknown
    assert not verdict_of(text, "s: covers(4096)").unknown
    assert not verdict_of(text, "a: edges(4096) <= 4096 * 4096").unknown


def test_every_claim_about_small_numbers() -> None:
    """All terms of a window with a skip, as claims: the true value is proved, its neighbours are refuted."""
    program = program_of("causal pattern a(k = 1, p = 3) { attend window(k) | stride(p, 1) }")
    for k, p, layers in product((0, 1, 2), (1, 3, 5), (1, 2, 3)):
        reach, coverage, prefix = graph.measures(graph.lags_after([{*range(k + 1), p}] * layers))
        for name, value in (("reach", reach), ("coverage", coverage), ("prefix", prefix)):
            for claimed in (value - 1, value, value + 1):
                item = driver.parse_claim(f"a(k = {k}, p = {p}): {name}({layers}) == {claimed}", program)
                assert prove(program, item).proved == (claimed == value)


SEVERAL_PERIODS = "causal pattern a { attend window(16) | stride(1000) | stride(777) | stride(4099, 3) }"
ENDLESS_BOTH_WAYS = "pattern a { attend window(10, 10) | stride(99) | mirror(stride(99)) }"
BOTH_WAYS = "pattern a { attend window(9, 9) | stride(99, 1) | mirror(stride(99, 1)) }"
FAR_APART = "causal pattern a { attend window(1) | stride(40009, 1) | stride(30011, 1) | stride(20101, 1) }"


@pytest.mark.parametrize(
    ("text", "claim", "outcome"),
    [
        (SEVERAL_PERIODS, "a: covers(1048576, layers = 64)", "proved"),
        (SEVERAL_PERIODS, "a: depth(1048576) <= 9", "refuted"),
        (FAR_APART, "a: depth(1048576) <= 64", "refuted"),
        (FAR_APART, "a: prefix(64) == 64", "proved"),
        (BOTH_WAYS, "s: depth(1048576) == oo", "proved"),
        (ENDLESS_BOTH_WAYS, "a: covers(1048576, layers = 7)", "proved"),
        (ENDLESS_BOTH_WAYS, "a: depth(1048576) <= 7", "proved"),
        (ENDLESS_BOTH_WAYS, "a: depth(1048576) <= 6", "unknown"),
        (ENDLESS_BOTH_WAYS, "a: covers(1048576, layers = 5)", "refuted"),
        (ENDLESS_BOTH_WAYS, "a: depth(1048576) <= 5", "refuted"),
        (ENDLESS_BOTH_WAYS, "s: covers(1048576)", "proved"),
    ],
)
def test_irregular_patterns_at_a_million_tokens(text: str, claim: str, outcome: str) -> None:
    assert verdict_of(f"{text} stack s {{ layers 64: a }}", claim).outcome == outcome


def test_places_in_the_order_of_the_search() -> None:
    for low, high in product((None, -3, 0, 2), (None, -5, -1, 0, 1, 2, 5)):
        bounds = Range(low, high)
        for place in range(40):
            value = bounds.number(place)
            assert bounds.number(bounds.offset(value)) == value
            assert bounds.offset(value) <= place
    assert Range(None, None).offset(-(2**60)) == 2**61
