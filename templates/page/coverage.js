// Which cells of a picture hold a live pair, and what share of theirs is live, from the closed forms of a term.
//
// A row of cells is a band of queries u ... v.  In it a term's keys are runs: one for a lag interval, one for each
// residue, each cut by columns.  So a row costs as many steps as it has cells, however many tokens a cell holds.

const SAMPLES = 4;

/** How many pairs of a rectangle `h` x `w` have one of its first `j` diagonals' lags. */
function diagonals(h, w, j) {
  const all = h + w - 1;
  if (j <= 0) return 0;
  if (j >= all) return h * w;
  const short = Math.min(h, w);
  if (j <= short) return (j * (j + 1)) / 2;
  if (j <= all - short) return (short * (short + 1)) / 2 + (j - short) * short;
  const left = all - j;
  return h * w - (left * (left + 1)) / 2;
}

/** How many pairs of queries u ... v and keys a ... b have a lag from lo to hi. */
function lagPairs(u, v, a, b, lo, hi) {
  const h = v - u + 1;
  const w = b - a + 1;
  if (h <= 0 || w <= 0) return 0;
  const least = u - b;
  return diagonals(h, w, hi - least + 1) - diagonals(h, w, lo - least);
}

/** Runs of `(x - phase) mod period < width` within first ... last; null where there are more than `limit`. */
function residueRuns(mod, first, last, limit) {
  if ((last - first) / mod.period > limit) return null;
  const runs = [];
  for (let at = first - floorMod(first - mod.phase, mod.period); at <= last; at += mod.period) {
    const from = Math.max(at, first);
    const to = Math.min(at + mod.width - 1, last);
    if (from <= to) runs.push([from, to]);
  }
  return runs;
}

/** One term's cells in a row: `share[i]` grows by the share of cell i that is live. */
class RowPainter {
  /** Keys `left ... ` in cells of `cell` tokens (a whole number or a fraction of one), `cells` of them. */
  constructor(left, cell, cells, n) {
    this.left = left;
    this.cell = cell;
    this.cells = cells;
    this.n = n;
    this.sampled = false;
  }

  edges(i) {
    const from = Math.ceil(this.left + i * this.cell);
    const to = Math.ceil(this.left + (i + 1) * this.cell) - 1;
    return [Math.max(from, 0), Math.min(to, this.n - 1)];
  }

  index(key) {
    return Math.floor((key - this.left) / this.cell + 1e-9);
  }

  paint(term, u, v, share) {
    u = Math.max(u, term.queryLo, 0);
    v = Math.min(v, term.queryHi, this.n - 1);
    if (u > v) return;
    const height = v - u + 1;
    let bands = [[u, v]];
    let factor = 1;
    const [byQuery, ...moreQueries] = term.of("query");
    if (byQuery) {
      const runs = residueRuns(byQuery, u, v, 4);
      if (runs === null) factor = byQuery.width / byQuery.period;
      else bands = runs;
    }
    const loose = [...moreQueries, ...term.of("lag").slice(1), ...term.of("key").slice(1)];
    for (const [first, last] of bands) this.band(term, first, last, factor * ((last - first + 1) / height), loose, share);
  }

  band(term, u, v, factor, loose, share) {
    const [byLag] = term.of("lag");
    let [a, b] = term.keys(u, v);
    a = Math.max(a, Math.ceil(this.left), 0);
    b = Math.min(b, Math.ceil(this.left + this.cells * this.cell) - 1, this.n - 1);
    if (a > b) return;
    const check = term.rest.length || loose.length ? term : null;
    const [lo, hi] = this.lags(term);
    if (!byLag) {
      this.run(term, u, v, a, b, lo, hi, factor, check, share);
      return;
    }
    const runs = byLag.period >= 2 * this.cell ? residueRuns(byLag, Math.max(term.lo, u - b), Math.min(term.hi, v - a), 4 * this.cells) : null;
    if (runs === null) {
      this.run(term, u, v, a, b, lo, hi, (factor * byLag.width) / byLag.period, check, share);
      return;
    }
    for (const [d, e] of runs) {
      this.run(term, u, v, Math.max(a, u - e), Math.min(b, v - d), Math.max(lo, d), Math.min(hi, e), factor, check, share);
    }
  }

  /** Bounds of the lag for shares: chunks much smaller than a cell leave about half of themselves. */
  lags(term) {
    let [lo, hi] = [term.lo, term.hi];
    for (const c of term.chunks) {
      if (c.size >= this.cell) continue;
      lo = Math.max(lo, c.lo * c.size - c.size / 2);
      hi = Math.min(hi, c.hi * c.size + c.size / 2);
    }
    return [lo, hi];
  }

  /** A run of keys a ... b. */
  run(term, u, v, a, b, lo, hi, factor, check, share) {
    if (a > b) return;
    const [byKey] = term.of("key");
    if (byKey) {
      const runs = byKey.period >= 2 * this.cell ? residueRuns(byKey, a, b, 4 * this.cells) : null;
      if (runs !== null) {
        for (const [from, to] of runs) this.fill(u, v, from, to, lo, hi, factor, check, share);
        return;
      }
      factor *= byKey.width / byKey.period;
    }
    this.fill(u, v, a, b, lo, hi, factor, check, share);
  }

  fill(u, v, a, b, lo, hi, factor, check, share) {
    const last = Math.min(this.index(b), this.cells - 1);
    for (let i = Math.max(this.index(a), 0); i <= last; i++) {
      const [from, to] = this.edges(i);
      if (from > to || to < a || from > b) continue;
      const area = (v - u + 1) * (to - from + 1);
      const keyFrom = Math.max(from, a);
      const keyTo = Math.min(to, b);
      let part = (factor * lagPairs(u, v, keyFrom, keyTo, lo, hi)) / area;
      if (check !== null) {
        this.sampled = true;
        const hits = this.sample(check, u, v, keyFrom, keyTo);
        if (hits === 0) continue;
        part = (hits * (keyTo - keyFrom + 1)) / (to - from + 1);
      }
      share[i] += Math.max(part, 1e-9);
    }
  }

  /** The share of some pairs of a rectangle that are live. */
  sample(term, u, v, a, b) {
    let hits = 0;
    for (let i = 0; i < SAMPLES; i++) {
      for (let j = 0; j < SAMPLES; j++) {
        const q = u + Math.floor(((v - u + 1) * ((i + 0.5) / SAMPLES + j * 0.618)) % (v - u + 1));
        const k = a + Math.floor(((b - a + 1) * ((j + 0.5) / SAMPLES + i * 0.618)) % (b - a + 1));
        hits += term.holds(q, k);
      }
    }
    return hits / SAMPLES ** 2;
  }
}

/** A live pair of a term among queries u ... v and keys a ... b, or null where none is found soon. */
function pairWithin(term, u, v, a, b) {
  const [byLag] = term.of("lag");
  const first = Math.max(term.lo, u - b);
  const last = Math.min(term.hi, v - a);
  let tries = 0;
  for (let d = first; d <= last && tries < 400; d++) {
    if (byLag && floorMod(d - byLag.phase, byLag.period) >= byLag.width) {
      d += byLag.period - floorMod(d - byLag.phase, byLag.period) - 1;
      continue;
    }
    const low = Math.max(u, a + d);
    const high = Math.min(v, b + d);
    const step = Math.max(1, Math.floor((high - low) / 24));
    for (let q = low; q <= high && tries < 400; q += step, tries++) {
      if (term.holds(q, q - d)) return [q, q - d];
    }
  }
  return null;
}
