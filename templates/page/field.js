// The receptive field: which tokens one token sees after so many layers, exactly, on a sequence of n tokens.
//
// A layer adds, for every token that is seen, the keys of its row.  Rows are intervals (cut by residues), so a layer is
// a few passes over the sequence: intervals are opened and closed in an array of differences, along every residue.

const MAX_PAIRS = 3e8;

class TooManyPairs extends Error {}

/** One layer's terms, heads and branches together. */
class Hop {
  constructor(terms, n, documents) {
    this.terms = terms;
    this.n = n;
    this.documents = documents;
    this.delta = new Int32Array(n + 1);
  }

  /** What tokens that are `seen` see, themselves among it; both are bytes, one a token. */
  after(seen) {
    const result = seen.slice();
    for (const term of this.terms) this.add(term, seen, result);
    return result;
  }

  add(term, seen, result) {
    const byQuery = term.of("query");
    const byKey = term.of("key");
    const [querySets, keySets] = [term.setsOf("query"), term.setsOf("key")];
    const queries = [];
    const from = Math.max(term.queryLo, 0);
    const to = Math.min(term.queryHi, this.n - 1);
    for (let q = from; q <= to; q++) {
      if (!seen[q] || querySets.some((s) => !s.member[q])) continue;
      if (byQuery.every((m) => floorMod(q - m.phase, m.period) < m.width)) queries.push(q);
    }
    if (!queries.length) return;
    const byLag = term.of("lag");
    if (term.rest.length || byLag.length > 1) {
      this.onePairAtATime(term, queries, result);
      return;
    }
    const held = (k) => keySets.every((s) => s.member[k]) && byKey.every((m) => floorMod(k - m.phase, m.period) < m.width);
    const allowed = byKey.length || keySets.length ? held : null;
    if (!byLag.length) {
      this.sweep(1, allowed, result, (open) => {
        for (const q of queries) open(...this.row(term, q));
      });
      return;
    }
    const [mod] = byLag;
    const span = Math.min(term.hi, this.n - 1) - Math.max(term.lo, 1 - this.n);
    if (span / mod.period + 1 < mod.width) {
      // Few wide runs: each is an interval of keys.
      this.sweep(1, allowed, result, (open) => {
        for (const q of queries) {
          const [a, b] = this.row(term, q);
          if (a > b) continue;
          const runs = residueRuns({ ...mod, phase: q - mod.phase - mod.width + 1 }, a, b, Infinity);
          for (const [x, y] of runs) open(x, y);
        }
      });
      return;
    }
    for (let j = 0; j < mod.width; j++) {
      this.sweep(mod.period, allowed, result, (open) => {
        for (const q of queries) {
          const [a, b] = this.row(term, q);
          const residue = q - mod.phase - j;
          const first = a + floorMod(residue - a, mod.period);
          if (first <= b) open(first, b - floorMod(b - residue, mod.period));
        }
      });
    }
  }

  row(term, q) {
    const [a, b] = term.keys(q, q);
    return [Math.max(a, 0), Math.min(b, this.n - 1)];
  }

  /** Marks the intervals that `fill` opens; along a residue where they step by a period. */
  sweep(period, allowed, result, fill) {
    const delta = this.delta.fill(0);
    const n = this.n;
    fill((a, b) => {
      if (a > b) return;
      delta[a] += 1;
      if (b + period < n) delta[b + period] -= 1;
    });
    for (let k = 0; k < n; k++) {
      if (k >= period) delta[k] += delta[k - period];
      if (delta[k] > 0 && !result[k] && (allowed === null || allowed(k))) result[k] = 1;
    }
  }

  onePairAtATime(term, queries, result) {
    let pairs = 0;
    for (const q of queries) {
      const [a, b] = this.row(term, q);
      pairs += Math.max(b - a + 1, 0);
      if (pairs > MAX_PAIRS) throw new TooManyPairs();
      for (let k = a; k <= b; k++) if (!result[k] && term.holds(q, k)) result[k] = 1;
    }
  }
}

/**
 * After how many layers each token is first seen by `token`; 0 for itself, 65535 where never.
 * `hops` are the layers' hops, the first layer first; equal layers are one object.
 */
function firstSeen(hops, n, token) {
  const first = new Uint16Array(n).fill(65535);
  first[token] = 0;
  let seen = new Uint8Array(n);
  seen[token] = 1;
  const alike = hops.every((h) => h === hops[0]);
  for (let depth = 1; depth <= hops.length; depth++) {
    let next;
    if (alike) {
      next = hops[0].after(seen);
    } else {
      // The last layer's hop comes first, so every depth starts anew.
      next = new Uint8Array(n);
      next[token] = 1;
      for (let i = depth - 1; i >= 0; i--) next = hops[i].after(next);
    }
    let grown = false;
    for (let k = 0; k < n; k++) {
      if (next[k] && first[k] > depth) {
        first[k] = depth;
        grown = true;
      }
    }
    seen = next;
    if ((alike && !grown) || next.every((byte) => byte)) break;
  }
  return first;
}

/** Reach, gap-free prefix, holes and view ahead after so many layers. */
function fieldFacts(first, token, layers) {
  let reach = 0;
  let seen = 0;
  let prefix = 0;
  let gap = false;
  for (let k = token; k >= 0; k--) {
    if (first[k] <= layers) {
      reach = token - k;
      seen += 1;
      if (!gap) prefix = token - k;
    } else {
      gap = true;
    }
  }
  let ahead = 0;
  for (let k = first.length - 1; k > token; k--) {
    if (first[k] <= layers) {
      ahead = k - token;
      break;
    }
  }
  return { layers, reach, prefix, holes: reach + 1 - seen, ahead };
}
