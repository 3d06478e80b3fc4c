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

/** Whether first ... last holds a number of the residues. */
function hasMember(mod, first, last) {
  const residue = floorMod(first - mod.phase, mod.period);
  return first <= last && (residue < mod.width || first + mod.period - residue <= last);
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
    this.columns = [];
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
    this.columns = term.setsOf("key");
    let bands = [[u, v]];
    let factor = 1;
    const [byQuery, ...moreQueries] = term.of("query");
    if (byQuery) {
      const runs = residueRuns(byQuery, u, v, 4);
      if (runs === null) factor = byQuery.width / byQuery.period;
      else bands = runs;
    }
    for (const s of term.setsOf("query")) {
      const held = s.before[v + 1] - s.before[u];
      if (held === 0) return;
      factor *= held / (v - u + 1);
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
        for (const [from, to] of runs) this.fill(term, u, v, from, to, lo, hi, factor, check, share);
        return;
      }
      factor *= byKey.width / byKey.period;
    }
    this.fill(term, u, v, a, b, lo, hi, factor, check, share);
  }

  fill(term, u, v, a, b, lo, hi, factor, check, share) {
    const last = Math.min(this.index(b), this.cells - 1);
    for (let i = Math.max(this.index(a), 0); i <= last; i++) {
      const [from, to] = this.edges(i);
      const keyFrom = Math.max(from, a);
      const keyTo = Math.min(to, b);
      if (keyFrom > keyTo || !this.possible(term, u, v, keyFrom, keyTo)) continue;
      const area = (v - u + 1) * (to - from + 1);
      let columns = 1;
      for (const s of this.columns) columns *= (s.before[keyTo + 1] - s.before[keyFrom]) / (keyTo - keyFrom + 1);
      if (columns === 0) continue;
      let part = (factor * columns * lagPairs(u, v, keyFrom, keyTo, lo, hi)) / area;
      if (check !== null) {
        this.sampled = true;
        const hits = this.sample(check, u, v, keyFrom, keyTo);
        if (hits === 0) continue;
        part = (hits * (keyTo - keyFrom + 1)) / (to - from + 1);
      }
      share[i] += Math.max(part, 1e-9);
    }
  }

  /** Whether queries u ... v and keys a ... b leave lags and keys of the term's residues. */
  possible(term, u, v, a, b) {
    const [byLag] = term.of("lag");
    const [byKey] = term.of("key");
    const least = Math.max(term.lo, u - b);
    const most = Math.min(term.hi, v - a);
    if (least > most || (byLag && !hasMember(byLag, least, most))) return false;
    return !byKey || hasMember(byKey, Math.max(a, u - term.hi), Math.min(b, v - term.lo));
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

const FEW = 24;

/** Some numbers from low to high, the ends among them; where `mod` is given, members of its residues. */
function some(low, high, mod, limit) {
  if (low > high) return [];
  if (mod) {
    const runs = residueRuns(mod, low, Math.min(high, low + limit * mod.period), limit + 1) ?? [];
    return runs.slice(0, limit).map(([from]) => from);
  }
  const steps = Math.min(high - low, limit - 1);
  return Array.from({ length: steps + 1 }, (_, i) => low + Math.round((i * (high - low)) / Math.max(steps, 1)));
}

/** A live pair of a term among queries u ... v and keys a ... b, or null where none is found soon. */
function pairWithin(term, u, v, a, b) {
  const [byLag] = term.of("lag");
  const [byKey] = term.of("key");
  const [byQuery] = term.of("query");
  const found = (q, k) => (q >= u && q <= v && k >= a && k <= b && term.holds(q, k) ? [q, k] : null);
  if (byLag) {
    for (const d of some(Math.max(term.lo, u - b), Math.min(term.hi, v - a), byLag, FEW)) {
      const [low, high] = [Math.max(u, a + d), Math.min(v, b + d)];
      const keyed = byKey && { ...byKey, phase: byKey.phase + d };
      for (const q of [...some(low, high, keyed ?? byQuery, FEW), ...some(low, high, null, 4)]) {
        const pair = found(q, q - d);
        if (pair) return pair;
      }
    }
    return null;
  }
  const [first, last] = term.keys(u, v);
  for (const k of some(Math.max(a, first), Math.min(b, last), byKey, FEW)) {
    const [low, high] = [Math.max(u, k + term.lo), Math.min(v, k + term.hi)];
    for (const q of [...some(low, high, byQuery, FEW), ...some(low, high, null, 6)]) {
      const pair = found(q, k);
      if (pair) return pair;
    }
  }
  return null;
}
