"""The page: self-contained, and in a real browser equal to the compiler's own mask and receptive field."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patternc import driver
from patternc.analysis.semantics import model_of
from patternc.ir.instantiate import instantiate
from patternc.view.field import receptive_field
from patternc.view.mask import mask_array
from patternc.view.page import page_text, write_page
from patternc.view.page_data import expr_data, pattern_data
from patternc.view.subject import Subject
from tests.view.browser import Browser, executable
from tests.view.relations import loaded, random_relation

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.pat"))
PI = """causal pattern pi(k = 3, p = 16, hops = 2) {
    require hops >= 1, p > k
    attend gate(window(k), stride(p, hops))
}
stack lm(depth = 6) { layers depth: pi }
prove pi: causal
prove lm: covers(4)
prove pi: reach(L) == 1  # refuted </script>
"""


def subject(text: str, **options: Any) -> Subject:
    source, program, instance = loaded(text)
    return Subject(source, program, (instance,), **options)


def test_the_page_asks_the_network_for_nothing() -> None:
    text = page_text(subject(PI))
    for reference in ("http:", "https:", "src=", "@import", "url(", "<link"):
        assert reference not in text
    assert text.count("</script>") == 2
    assert "refuted &lt;/script&gt;" in text


def test_the_data_of_the_page() -> None:
    text = page_text(subject(PI))
    data = json.loads(text.split('type="application/json">')[1].split("</script>")[0])
    assert data["subject"] == "pi"
    assert data["patterns"]["pi"]["values"] == {"k": 3, "p": 16, "hops": 2}
    assert data["stacks"] == [{"name": "lm", "layers": [[6, "pi", {"k": 3, "p": 16, "hops": 2}]]}]
    assert [c["verdict"] for c in data["claims"]] == ["proved", "proved", "refuted"]
    refuted = "L = 1, k = 0, p = 1, hops = 2: reach(L) is 2, which is not == 1"
    assert data["claims"][2]["reason"] == refuted


def test_numbers_beyond_what_javascript_counts() -> None:
    instance = loaded(f"pattern a {{ attend window({2**60}) }}")[2]
    (atom,) = [a for r in instance.ranges for b in r.branches for a in [b]]
    assert expr_data(atom.hi) == ["big", str(2**60)]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = executable()
    if path is None:
        print("skipped: no Chromium is installed, so the page was not tried in a browser")
        pytest.skip("no Chromium is installed")
    with Browser(path, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Browser:
    write_page(subject(PI, n=64), tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    return browser


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples_load_without_an_error(path: Path, browser: Browser, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("patternc.view.page.claims_data", lambda *_: [])
    source = driver.read_source(str(path))
    program = driver.load_program(source)
    write_page(Subject(source, program, (instantiate(program.patterns[0], {}),)), tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    assert browser.errors == []
    assert browser.value("document.getElementById('problem').hidden")
    assert drawn(browser)[0] > 0
    assert browser.value("document.querySelectorAll('#field tbody tr').length") > 0


def drawn(browser: Browser) -> tuple[int, int]:
    """How many pixels of the mask are not empty, and a number that changes with the picture."""
    found = browser.value(
        """(() => {
          const canvas = document.getElementById("mask");
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          const empty = colourOf("--empty");
          let live = 0, sum = 0;
          for (let i = 0; i < data.length; i += 4) {
            if (data[i] !== empty[0] || data[i + 1] !== empty[1] || data[i + 2] !== empty[2]) live += 1;
            sum = (sum * 31 + data[i] + 7 * data[i + 1]) % 1000003;
          }
          return [live, sum];
        })()"""
    )
    return found[0], found[1]


def slide(browser: Browser, name: str, value: int) -> None:
    browser.value(
        f"""(() => {{
          const slider = document.querySelector('input[type="range"][data-parameter="{name}"]');
          slider.value = {value};
          slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
        }})()"""
    )
    browser.settle()


def test_claims_stand_with_their_verdicts(opened: Browser) -> None:
    text = opened.value("document.getElementById('claims').innerText")
    for words in ("proved", "pi: causal", "refuted", "pi: reach(L) == 1", "L = 1, k = 0, p = 1, hops = 2"):
        assert words in text


def test_a_slider_changes_the_picture_and_the_field(opened: Browser) -> None:
    before = drawn(opened)
    field = opened.value("document.querySelector('#field tbody tr').innerText")
    slide(opened, "p", 9)
    assert drawn(opened) != before
    assert "p = 9" in opened.value("document.getElementById('signature').textContent")
    assert opened.value("document.querySelector('#field tbody tr').innerText") != field
    assert opened.errors == []


def test_values_that_a_require_refuses_are_said(opened: Browser) -> None:
    before = drawn(opened)
    slide(opened, "p", 2)
    assert opened.value("document.getElementById('problem').textContent") == "`require p > k` does not hold"
    assert drawn(opened) == before
    opened.value("document.getElementById('reset').click()")
    opened.settle()
    assert opened.value("document.getElementById('problem').hidden")


def place(browser: Browser, q: float, k: float) -> tuple[float, float]:
    """Where a pair is on the screen."""
    x, y = browser.value(
        f"""(() => {{
          const box = document.getElementById("mask").getBoundingClientRect();
          const {{ q, k, scale }} = mask.view;
          return [box.x + ({k} + 0.5 - k) / scale, box.y + ({q} + 0.5 - q) / scale];
        }})()"""
    )
    return x, y


def pair(browser: Browser) -> tuple[int, int, int]:
    found = browser.value("(({ q, k, lag }) => [q, k, lag].map(Number))(document.querySelector('#pair .at').dataset)")
    return found[0], found[1], found[2]


@pytest.mark.parametrize(
    ("q", "k", "said"),
    [
        (40, 38, ["branch 0 · window(k)", "0 ≤ lag 2 ≤ 3"]),
        (40, 8, ["branch 1 · stride(p, hops)", "lag 32 = 2 × 16"]),
        (40, 40, ["branch 0 · window(k)", "branch 1 · stride(p, hops)"]),
        (40, 41, ["not live"]),
        (40, 30, ["not live"]),
    ],
)
def test_hovering_tells_the_pair_and_why(q: int, k: int, said: list[str], opened: Browser) -> None:
    opened.move(*place(opened, q, k))
    opened.settle()
    assert pair(opened) == (q, k, q - k)
    text = opened.value("document.getElementById('pair').innerText")
    for words in said:
        assert words in text
    assert ("not live" in text) == ("not live" in said)


def test_zooming_keeps_the_pair_under_the_pointer(opened: Browser) -> None:
    x, y = place(opened, 40, 38)
    opened.move(x, y)
    for _ in range(4):
        opened.wheel(x, y, -200)
    opened.settle()
    assert opened.value("mask.view.scale") < 64 / 600
    assert pair(opened) == (40, 38, 2)


def test_a_click_follows_the_query(opened: Browser) -> None:
    opened.click(*place(opened, 20, 3))
    opened.settle()
    assert opened.value("state.token") == 20
    assert "token 20 of 64" in opened.value("document.getElementById('field-at').textContent")


def test_far_out_a_live_pair_of_the_cell_is_told(browser: Browser, tmp_path: Path) -> None:
    write_page(subject(PI, n=1_000_000), tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    browser.move(*place(browser, 500_000, 500_000))
    browser.settle()
    q, k, lag = pair(browser)
    assert lag in {0, 1, 2, 3, 16, 32}
    assert abs(q - 500_000) < 5000
    assert q - k == lag
    assert browser.errors == []


def test_light_and_dark(opened: Browser) -> None:
    before = drawn(opened)
    theme = opened.value("document.documentElement.dataset.theme")
    opened.value("document.getElementById('theme').click()")
    opened.settle()
    assert opened.value("document.documentElement.dataset.theme") != theme
    assert drawn(opened)[1] != before[1]


PROBE = """((data, n, cell, token, layers, lengths, heads) => {
  const documents = new Documents(n, lengths);
  const model = new Model(data, data.values, n, documents);
  const bits = (test) => {
    let text = "";
    for (let q = 0; q < n; q++) for (let k = 0; k < n; k++) text += test(q, k) ? 1 : 0;
    return text;
  };
  const found = { live: [], terms: [], cells: [] };
  for (let h = 0; h < heads; h++) {
    for (const b of model.branches(h)) {
      found.live.push(bits(b.live));
      found.terms.push(bits((q, k) => b.terms.some((t) => t.holds(q, k))));
      const cells = Math.ceil(n / cell);
      const painter = new RowPainter(0, cell, cells, n);
      const rows = [];
      for (let y = 0; y < cells; y++) {
        const share = new Float64Array(cells);
        const band = rowBand(0, cell, y, n);
        if (band) for (const t of b.terms) painter.paint(t, band[0], band[1], share);
        rows.push([...share]);
      }
      found.cells.push(painter.sampled ? null : rows);
    }
  }
  const hop = new Hop(model.union(), n);
  const first = firstSeen(new Array(layers).fill(hop), n, token);
  found.facts = Array.from({ length: layers }, (_, i) => fieldFacts(first, token, i + 1));
  return found;
})"""


def probe(browser: Browser, data: Any, n: int, cell: int, heads: int = 1, documents: tuple[int, ...] = ()) -> Any:
    lengths = [b - a for a, b in pairwise(documents)] or [n]
    arguments = [data, n, cell, n - 1, 3, lengths, heads]
    return browser.value(f"{PROBE}({', '.join(map(json.dumps, arguments))})")


def bits(text: str, n: int) -> Any:
    return (np.frombuffer(text.encode(), dtype=np.uint8) == ord("1")).reshape(n, n)


@pytest.mark.parametrize("seed", range(2))
def test_random_relations_are_what_they_are_in_the_compiler(seed: int, opened: Browser) -> None:
    rng = random.Random(seed)
    for _ in range(25):
        body, n = random_relation(rng), rng.randint(1, 48)
        text = f"causal pattern a(x = 5) {{ attend gate({body}, window(x) | where(q % 3 == (k + x) % 4)) }}"
        source, _, instance = loaded(text)
        mask = mask_array(instance, n, 1)[:, 0]
        found = probe(opened, pattern_data(source, instance, 1), n, rng.choice((2, 3, 5)))
        for b in range(2):
            assert np.array_equal(bits(found["live"][b], n), mask[b]), (text, n)
            assert np.array_equal(bits(found["terms"][b], n), mask[b]), (text, n)
        steps = receptive_field(model_of([instance], True), n, n - 1, range(1, 4))
        facts = [(f["reach"], f["prefix"], f["holes"], f["ahead"]) for f in found["facts"]]
        assert facts == [(s.reach, s.prefix, s.holes, s.ahead) for s in steps], (text, n)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_mask_of_every_head_is_that_of_the_compiler(path: Path, opened: Browser) -> None:
    n = 70
    source = driver.read_source(str(path))
    for pattern in driver.load_program(source).patterns:
        # Small numbers, so that the parameters show at this length.
        small = {p.name: v for p in pattern.parameters if (v := {"k": 5, "p": 12, "w": 4, "l": 9, "c": 3}.get(p.name))}
        instance = instantiate(pattern, small)
        heads = min(instance.default_heads(), 8) if instance.depends_on_head else 1
        mask = mask_array(instance, n, heads)
        found = probe(opened, pattern_data(source, instance, heads), n, 5, heads)
        missing = iter(found["live"])
        for h, count in enumerate(instance.branch_counts(heads)):
            for b in range(count):
                assert np.array_equal(bits(next(missing), n), mask[b, h])


@pytest.mark.parametrize(
    "text",
    ["window(9)", "causal & stride(11)", "ring(4)", "stride(7, 3, 2)", "global(2) | chunk(8, 1)", "columns(9, 4, 2)"],
)
@pytest.mark.parametrize("cell", [2, 5, 13])
def test_a_cell_is_drawn_where_it_holds_a_live_pair(text: str, cell: int, opened: Browser) -> None:
    n = 83
    source, _, instance = loaded(f"pattern a {{ attend {text} }}")
    mask = mask_array(instance, n, 1)[0, 0]
    edges = np.arange(0, n, cell)
    live = np.add.reduceat(np.add.reduceat(mask, edges, axis=0, dtype=np.int64), edges, axis=1) > 0
    found = probe(opened, pattern_data(source, instance, 1), n, cell)
    assert np.array_equal(np.array(found["cells"][0]) > 0, live)


def test_documents(opened: Browser) -> None:
    text = "pattern a { attend (same_document & window(3)) | per_document(sink(2) & ring(2)) }"
    source, _, instance = loaded(text)
    places = (0, 7, 20, 41)
    found = probe(opened, pattern_data(source, instance, 1), 41, 4, documents=places)
    mask = mask_array(instance, 41, 1, places)[0, 0]
    assert np.array_equal(bits(found["live"][0], 41), mask)
    assert np.array_equal(bits(found["terms"][0], 41), mask)
