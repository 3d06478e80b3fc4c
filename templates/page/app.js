// Joins the controls, the mask, the receptive field and the claims.

const page = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const LONGEST = 1 << 22;
const MAX_ROWS = 24;

const state = {
  pattern: page.subject,
  values: Object.fromEntries(Object.entries(page.patterns).map(([name, p]) => [name, { ...p.values }])),
  n: page.n,
  head: 0,
  token: page.n - 1,
  layers: page.layers,
  stack: page.stack,
  hidden: new Set(),
  documents: page.documents,
};

/** What a pattern's numbers mean at this length: its heads, each with branches. */
class Model {
  constructor(data, values, n, documents) {
    this.data = data;
    this.env = { ...values, heads: data.heads };
    this.n = n;
    this.documents = documents;
    for (const { test, text } of data.requirements) {
      if (!evaluate(test, this.env)) throw new PageError(text);
    }
    this.owners = this.owned();
    this.known = new Map();
  }

  owned() {
    const owners = new Array(this.data.heads).fill(null);
    let otherwise = null;
    for (const range of this.data.ranges) {
      if (range.lo === null || range.hi === null) {
        otherwise = range;
        continue;
      }
      const [lo, hi] = [evaluate(range.lo, this.env), evaluate(range.hi, this.env)];
      if (lo < 0 || lo > hi || hi > owners.length) throw new PageError(`head range ${lo}..${hi} is none of ${owners.length} heads`);
      for (let h = lo; h < hi; h++) {
        if (owners[h]) throw new PageError(`head ${h} is in two ranges`);
        owners[h] = range;
      }
    }
    return owners.map((owner, h) => {
      const found = owner ?? otherwise;
      if (!found) throw new PageError(`head ${h} is in no range`);
      for (const { test, text } of found.domains) {
        if (!evaluate(test, { ...this.env, h })) throw new PageError(`${text} (head ${h})`);
      }
      return found;
    });
  }

  /** The branches of a head: names, membership and terms. */
  branches(h) {
    const range = this.owners[h];
    const trees = range.trees[h];
    if (!trees) throw new PageError(`head ${h} has no value here`);
    return trees.map((tree, b) => ({ name: range.names[b], ...this.relation(tree) }));
  }

  relation(tree) {
    if (!this.known.has(tree)) {
      const world = { env: this.env, n: this.n, documents: this.documents };
      const node = this.data.trees[tree];
      const terms = termsOf(node, world);
      this.known.set(tree, { tree, terms, live: compiled(condition(node), this.env, this.n, this.documents) });
    }
    return this.known.get(tree);
  }

  /** The terms of all heads and branches. */
  union() {
    const trees = new Set();
    for (let h = 0; h < this.data.heads; h++) for (const b of this.branches(h)) trees.add(b.tree);
    return [...trees].flatMap((t) => this.relation(t).terms);
  }
}

let model = null;
let shown = [];
let fieldTimer = 0;
let first = null;

const mask = new MaskView($("stage"), $("mask"), $("overlay"), {
  hover: (at) => showPair(at),
  pick: (query) => {
    state.token = query;
    mask.token = query;
    refreshControls();
    mask.annotate();
    laterField();
  },
});

function update() {
  const n = state.n;
  state.token = Math.min(state.token, n - 1);
  try {
    model = new Model(page.patterns[state.pattern], state.values[state.pattern], n, new Documents(n, documentLengths()));
    state.head = Math.min(state.head, model.data.heads - 1);
    shown = layersOf(model.branches(state.head));
    $("problem").hidden = true;
  } catch (problem) {
    if (!(problem instanceof PageError)) throw problem;
    $("problem").textContent = problem.message;
    $("problem").hidden = false;
    refreshControls();
    return;
  }
  mask.token = state.token;
  mask.show(shown.filter((l) => !state.hidden.has(l.key)), n);
  refreshControls();
  showLegend();
  laterField();
}

/** What is drawn in a colour of its own: the branches of a gate, else the terms of the one softmax. */
function layersOf(branches) {
  const colour = (i) => `--c${i % 8}`;
  if (branches.length > 1) {
    return branches.map((b, i) => ({
      key: `b${i}`,
      colour: colour(i),
      title: b.name ? `branch ${i} · ${b.name}` : `branch ${i}`,
      words: b.terms.map(termWords).join("; or ") || "no pair",
      ...b,
    }));
  }
  const [{ terms, live, name }] = branches;
  return terms.map((t, i) => ({
    key: `t${i}`,
    colour: colour(i),
    title: terms.length === 1 && name ? name : "",
    words: termWords(t),
    terms: [t],
    live: terms.length === 1 ? live : (q, k) => t.holds(q, k),
  }));
}

/** The lengths of the documents: one for a pattern that does not speak of them, three as an example else. */
function documentLengths() {
  const { n } = state;
  if (!page.patterns[state.pattern].documents) return [n];
  const [first, second] = [Math.floor((n * 3) / 8), Math.floor(n / 4)];
  return state.documents ?? [first, second, n - first - second].filter((x) => x > 0);
}

function showLegend() {
  const gated = shown.length && shown[0].key.startsWith("b");
  $("legend-title").textContent = gated ? "Branches" : shown.length > 1 ? "Terms" : "Pattern";
  $("legend").replaceChildren(...shown.map((layer) => {
    const item = document.createElement("li");
    const label = item.appendChild(document.createElement("label"));
    const box = label.appendChild(document.createElement("input"));
    Object.assign(box, { type: "checkbox", checked: !state.hidden.has(layer.key) });
    box.addEventListener("change", () => {
      if (box.checked) state.hidden.delete(layer.key);
      else state.hidden.add(layer.key);
      mask.show(shown.filter((l) => !state.hidden.has(l.key)), state.n);
    });
    label.appendChild(document.createElement("i")).style.background = `var(${layer.colour})`;
    const text = label.appendChild(document.createElement("span"));
    text.append(layer.title || layer.words);
    if (layer.title) text.appendChild(document.createElement("small")).textContent = layer.words;
    return item;
  }));
}

/** What lies under the pointer: a live pair of the cell if there is one, and why it is live. */
function showPair(at) {
  const box = $("pair");
  if (!at || !model) {
    box.innerHTML = '<p class="quiet">Point at the mask.</p>';
    $("scale").textContent = "";
    return;
  }
  const [u, v] = at.queries;
  const [a, b] = at.keys;
  const one = u === v && a === b;
  let pair = one ? [u, a] : null;
  for (const layer of shown) for (const t of layer.terms) pair ??= pairWithin(t, u, v, a, b);
  const [q, k] = pair ?? [u, a];
  const parts = [`<p class="at" data-q="${q}" data-k="${k}" data-lag="${q - k}">query ${count(q)} · key ${count(k)} · lag ${count(q - k)}</p>`];
  if (!one) {
    const cell = `${count(v - u + 1)} × ${count(b - a + 1)}`;
    parts.push(`<p class="quiet">${pair ? `a live pair among the ${cell} under the pointer` : `${cell} pairs under the pointer, none found live`}</p>`);
  }
  let live = false;
  for (const layer of shown) {
    for (const t of layer.terms) {
      if (!t.holds(q, k)) continue;
      live = true;
      const why = document.createElement("p");
      why.innerHTML = `<b style="color:var(${layer.colour})"></b><small></small>`;
      why.firstChild.textContent = layer.title || "live";
      why.lastChild.textContent = becauseWords(t, q, k);
      parts.push(why.outerHTML);
    }
  }
  if (!live) parts.push('<p class="dead">not live</p>');
  box.innerHTML = parts.join("");
}

function laterField() {
  clearTimeout(fieldTimer);
  fieldTimer = setTimeout(showField, 40);
}

/** The hops of the layers, the first layer first; equal layers are one object. */
function hops() {
  const made = new Map();
  const hop = (name, values) => {
    const key = JSON.stringify([name, values]);
    if (!made.has(key)) {
      const m = new Model(page.patterns[name], values, state.n, model.documents);
      made.set(key, new Hop(m.union(), state.n));
    }
    return made.get(key);
  };
  const stack = page.stacks.find((s) => s.name === state.stack);
  if (!stack) return new Array(state.layers).fill(hop(state.pattern, state.values[state.pattern]));
  const layers = stack.layers.flatMap(([times, name, values]) => new Array(times).fill([name, values]));
  return layers.slice(0, state.layers).map(([name, values]) => hop(name, values));
}

function showField() {
  const { n, token } = state;
  const note = $("field-note");
  try {
    const layers = hops();
    const began = performance.now();
    first = firstSeen(layers, n, token);
    drawField(layers.length);
    note.dataset.milliseconds = Math.round(performance.now() - began);
  } catch (problem) {
    if (!(problem instanceof PageError || problem instanceof TooManyPairs)) throw problem;
    first = null;
    $("field").replaceChildren();
    note.textContent = problem instanceof TooManyPairs
      ? "At this length there are too many pairs to follow one by one; a smaller n shows the field."
      : problem.message;
  }
}

function drawField(depth) {
  const { n, token } = state;
  const deepest = first.reduce((most, layers) => (layers < 65535 ? Math.max(most, layers) : most), 1);
  const rows = spread(Math.min(depth, deepest), MAX_ROWS).map((layers) => fieldFacts(first, token, layers));
  const widest = rows[rows.length - 1];
  const pad = Math.max(Math.round(widest.reach * 0.03), 4);
  const [from, to] = $("whole").checked
    ? [0, n - 1]
    : [Math.max(token - widest.reach - pad, 0), Math.min(token + Math.max(widest.ahead, 0) + pad, n - 1)];
  const table = document.createElement("table");
  const ahead = rows.some((r) => r.ahead);
  table.innerHTML = `<thead><tr><th></th><th class="strip"><div><span>${count(from)}</span><span>${count(to)}</span></div></th>
    <th>reach</th><th>gap-free</th><th>holes</th>${ahead ? "<th>ahead</th>" : ""}</tr></thead><tbody></tbody>`;
  const strips = [];
  for (const r of rows) {
    const line = table.tBodies[0].insertRow();
    line.insertCell().textContent = `layer ${r.layers}`;
    const strip = line.insertCell();
    strip.className = "strip";
    strips.push([strip.appendChild(document.createElement("canvas")), r.layers]);
    for (const value of [r.reach, r.prefix, r.holes, ...(ahead ? [r.ahead] : [])]) line.insertCell().textContent = count(value);
  }
  $("field").replaceChildren(table);
  for (const [canvas, layers] of strips) drawStrip(canvas, layers, from, to);
  $("field-at").textContent = `what token ${count(token)} of ${count(n)} sees`;
  const after = `After ${count(widest.layers)} layer${widest.layers > 1 ? "s" : ""}`;
  const end = deepest < depth ? "; more layers add nothing" : "";
  $("field-note").textContent = widest.prefix === token
    ? `${after} it sees every token before it${end}.`
    : widest.holes === 0
      ? `${after} it sees every token within reach${end}.`
      : `${after} ${count(widest.holes)} of the ${count(widest.reach + 1)} tokens within reach are not seen${end}.`;
}

function drawStrip(canvas, layers, from, to) {
  const width = Math.max(Math.round(canvas.clientWidth * (window.devicePixelRatio || 1)), 60);
  const cells = Math.min(width, to - from + 1);
  Object.assign(canvas, { width: cells, height: 1 });
  canvas.style.imageRendering = "pixelated";
  const context = canvas.getContext("2d");
  const image = context.createImageData(cells, 1);
  const [empty, full, self] = [colourOf("--empty"), colourOf("--c0"), colourOf("--c1")];
  for (let x = 0; x < cells; x++) {
    const a = from + Math.floor((x * (to - from + 1)) / cells);
    const b = from + Math.floor(((x + 1) * (to - from + 1)) / cells) - 1;
    let seen = 0;
    for (let k = a; k <= b; k++) seen += first[k] <= layers;
    const s = strength(seen / (b - a + 1));
    const colour = a <= state.token && state.token <= b ? self : full;
    for (let i = 0; i < 3; i++) image.data[4 * x + i] = empty[i] * (1 - s) + colour[i] * s;
    image.data[4 * x + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  canvas.onpointermove = (event) => {
    const k = Math.min(from + Math.floor((event.offsetX / canvas.clientWidth) * (to - from + 1)), to);
    const lag = state.token - k;
    const when = first[k] === 65535 ? "not seen" : first[k] === 0 ? "the token itself" : `seen from layer ${count(first[k])} on`;
    $("field-at").textContent = `token ${count(k)}, lag ${count(lag)}: ${when}`;
  };
  canvas.onpointerleave = () => {
    $("field-at").textContent = `what token ${count(state.token)} of ${count(state.n)} sees`;
  };
}

function spread(total, most) {
  if (total <= most) return Array.from({ length: total }, (_, i) => i + 1);
  return [...new Set(Array.from({ length: most }, (_, i) => 1 + Math.round((i * (total - 1)) / (most - 1))))];
}
