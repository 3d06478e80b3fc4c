// The mask on a canvas: exact membership while a token is a pixel or more, closed forms of the terms beyond.

const LEFT = 62;
const TOP = 26;
const CLOSEST = 1 / 40;

function colourOf(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
}

/** How strongly a cell is drawn: one live pair can be seen, and more of them are stronger. */
function strength(share) {
  return share > 0 ? 0.35 + 0.65 * Math.sqrt(Math.min(share, 1)) : 0;
}

class MaskView {
  /** `on.hover(cell)` gets what lies under the pointer or null, `on.pick(query)` the row that was clicked. */
  constructor(stage, canvas, overlay, on) {
    this.stage = stage;
    this.canvas = canvas;
    this.overlay = overlay;
    this.on = on;
    this.layers = [];
    this.n = 1;
    this.view = { q: 0, k: 0, scale: 1 };
    this.fitted = true;
    this.pointers = new Map();
    this.at = null;
    this.token = null;
    this.listen();
    new ResizeObserver(() => this.resize()).observe(stage);
  }

  /** Layers to draw: {colour, terms, live}; `live` is the compiled membership. */
  show(layers, n, documents) {
    const changed = n !== this.n;
    if (changed) this.at = null;
    this.layers = layers;
    this.documents = documents;
    this.n = n;
    if (changed || this.fitted) this.fit();
    else this.draw();
  }

  get size() {
    return Math.max(Math.min(this.stage.clientWidth - LEFT, this.stage.clientHeight - TOP), 50);
  }

  resize() {
    const size = this.size;
    Object.assign(this.canvas.style, { left: `${LEFT}px`, top: `${TOP}px`, width: `${size}px`, height: `${size}px` });
    if (this.fitted) this.fit();
    else this.draw();
  }

  fit() {
    this.view = { q: 0, k: 0, scale: this.n / this.size };
    this.fitted = true;
    this.draw();
  }

  zoom(factor, x = this.size / 2, y = this.size / 2) {
    const { q, k, scale } = this.view;
    const widest = (this.n / this.size) * 1.05;
    const next = Math.min(Math.max(scale * factor, CLOSEST), Math.max(widest, CLOSEST));
    this.view = { q: q + y * (scale - next), k: k + x * (scale - next), scale: next };
    this.moved();
  }

  pan(dx, dy) {
    this.view.q -= dy * this.view.scale;
    this.view.k -= dx * this.view.scale;
    this.moved();
  }

  moved() {
    const span = this.size * this.view.scale;
    const limit = (at) => (span >= this.n ? (this.n - span) / 2 : Math.min(Math.max(at, -span * 0.02), this.n - span * 0.98));
    this.view.q = limit(this.view.q);
    this.view.k = limit(this.view.k);
    this.fitted = false;
    this.draw();
  }

  draw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.render(this.pointers.size ? 1 : Math.min(window.devicePixelRatio || 1, 2));
      this.annotate();
    });
  }

  /** Draws now, `ratio` cells to a pixel of the page. */
  render(ratio) {
    const cells = Math.round(this.size * ratio);
    const cell = (this.view.scale * this.size) / cells;
    const context = this.canvas.getContext("2d");
    this.canvas.width = cells;
    this.canvas.height = cells;
    const image = context.createImageData(cells, cells);
    const colours = this.layers.map((l) => colourOf(l.colour));
    const [empty, paper] = [colourOf("--empty"), colourOf("--paper")];
    const painter = new RowPainter(this.view.k, cell, cells, this.n);
    const shares = this.layers.map(() => new Float64Array(cells));
    let before = null;
    for (let y = 0; y < cells; y++) {
      const band = rowBand(this.view.q, cell, y, this.n);
      if (before && band && band[0] === before[0] && band[1] === before[1]) {
        image.data.copyWithin(4 * y * cells, 4 * (y - 1) * cells, 4 * y * cells);
        continue;
      }
      before = band;
      if (band) this.shares(band, cell, painter, shares);
      this.paintRow(image.data, y, cells, cell, band, shares, colours, empty, paper);
    }
    context.putImageData(image, 0, 0);
    this.sampled = painter.sampled;
  }

  /** The live share of every cell of a row, layer by layer. */
  shares(band, cell, painter, shares) {
    for (let i = 0; i < this.layers.length; i++) {
      const { terms, live } = this.layers[i];
      const share = shares[i].fill(0);
      if (cell > 1) {
        for (const term of terms) painter.paint(term, band[0], band[1], share);
        continue;
      }
      for (let x = 0; x < share.length; x++) {
        const k = Math.floor(painter.left + x * cell);
        share[x] = k >= 0 && k < this.n && live(band[0], k) ? 1 : 0;
      }
    }
  }

  paintRow(data, y, cells, cell, band, shares, colours, empty, paper) {
    for (let x = 0; x < cells; x++) {
      const k = this.view.k + x * cell;
      const base = band === null || k < 0 || k >= this.n ? paper : empty;
      let [r, g, b, weight, clear] = [0, 0, 0, 0, 1];
      if (base === empty) {
        for (let i = 0; i < shares.length; i++) {
          const s = strength(shares[i][x]);
          if (s === 0) continue;
          r += s * colours[i][0];
          g += s * colours[i][1];
          b += s * colours[i][2];
          weight += s;
          clear *= 1 - s;
        }
      }
      const at = 4 * (y * cells + x);
      const mix = weight ? (1 - clear) / weight : 0;
      data[at] = base[0] * clear + r * mix;
      data[at + 1] = base[1] * clear + g * mix;
      data[at + 2] = base[2] * clear + b * mix;
      data[at + 3] = 255;
    }
  }

  /** Ticks, the grid of tokens, the followed row and the cross at the pointer. */
  annotate() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: w, clientHeight: h } = this.stage;
    Object.assign(this.overlay, { width: w * ratio, height: h * ratio });
    const c = this.overlay.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const [quiet, ink, accent] = ["--quiet", "--ink", "--accent"].map((v) => style.getPropertyValue(v));
    c.scale(ratio, ratio);
    c.font = "12px system-ui, sans-serif";
    const { q, k, scale } = this.view;
    const size = this.size;
    const step = niceStep(scale * 90);
    const tick = (t) => (t === 0 ? "0" : step >= 1e6 ? `${t / 1e6}M` : step >= 1e4 ? `${t / 1e3}k` : count(t));
    c.fillStyle = quiet;
    for (let t = Math.max(Math.ceil(k / step) * step, 0); t <= Math.min(k + size * scale, this.n); t += step) {
      c.textAlign = "center";
      const half = c.measureText(tick(t)).width / 2;
      c.fillText(tick(t), LEFT + Math.min(Math.max((t - k) / scale, half), size - half), TOP - 8);
    }
    for (let t = Math.max(Math.ceil(q / step) * step, 0); t <= Math.min(q + size * scale, this.n); t += step) {
      c.textAlign = "right";
      c.fillText(tick(t), LEFT - 8, TOP + Math.min(Math.max((t - q) / scale + 4, 10), size));
    }
    c.save();
    c.beginPath();
    c.rect(LEFT, TOP, size, size);
    c.clip();
    if (scale <= 1 / 10) this.tokenGrid(c, ink);
    const band = (at, colour, down) => {
      const from = (down ? (at[0] - q) / scale + TOP : (at[0] - k) / scale + LEFT) - 0.5;
      const long = Math.max((at[1] - at[0] + 1) / scale, 1);
      c.strokeStyle = colour;
      if (down) c.strokeRect(LEFT - 2, from, size + 4, long);
      else c.strokeRect(from, TOP - 2, long, size + 4);
    };
    if (this.token !== null) {
      c.setLineDash([5, 4]);
      band([this.token, this.token], accent, true);
      c.setLineDash([]);
    }
    if (this.at) {
      c.globalAlpha = 0.55;
      band(this.at.queries, ink, true);
      band(this.at.keys, ink, false);
    }
    c.restore();
  }

  tokenGrid(c, ink) {
    const { q, k, scale } = this.view;
    c.strokeStyle = ink;
    c.globalAlpha = 0.12;
    c.beginPath();
    for (let t = Math.ceil(k); t <= k + this.size * scale; t++) {
      c.moveTo(LEFT + (t - k) / scale, TOP);
      c.lineTo(LEFT + (t - k) / scale, TOP + this.size);
    }
    for (let t = Math.ceil(q); t <= q + this.size * scale; t++) {
      c.moveTo(LEFT, TOP + (t - q) / scale);
      c.lineTo(LEFT + this.size, TOP + (t - q) / scale);
    }
    c.stroke();
    c.globalAlpha = 1;
  }

  /** The queries and keys under a point of the canvas; null outside the sequence. */
  under(x, y) {
    const { q, k, scale } = this.view;
    const cell = Math.max(scale, 1);
    const snap = (from, at) => (scale > 1 ? from + Math.floor(at / (cell / scale)) * cell : Math.floor(from + at * scale));
    const queries = cellBand(snap(q, y), cell, this.n);
    const keys = cellBand(snap(k, x), cell, this.n);
    return queries && keys ? { queries, keys } : null;
  }

  listen() {
    const canvas = this.canvas;
    const place = (event) => [event.offsetX, event.offsetY];
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 20 : 1;
      this.zoom(Math.exp(Math.min(Math.max(event.deltaY * unit, -300), 300) * 0.002), ...place(event));
      this.point(event);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      this.pointers.set(event.pointerId, place(event));
      this.dragged = 0;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = this.pointers.get(event.pointerId);
      if (before) this.drag(event.pointerId, before, place(event));
      this.point(event);
    });
    const release = (event) => {
      if (!this.pointers.delete(event.pointerId)) return;
      if (event.type === "pointerup" && this.dragged < 4 && this.at) this.on.pick(this.at.queries[0]);
      this.draw();
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => {
      this.at = null;
      this.on.hover(null);
      this.annotate();
    });
    canvas.addEventListener("dblclick", () => this.fit());
    canvas.addEventListener("keydown", (event) => {
      const step = this.size / 10;
      const keys = {
        ArrowLeft: () => this.pan(step, 0),
        ArrowRight: () => this.pan(-step, 0),
        ArrowUp: () => this.pan(0, step),
        ArrowDown: () => this.pan(0, -step),
        "+": () => this.zoom(0.7),
        "=": () => this.zoom(0.7),
        "-": () => this.zoom(1.4),
        0: () => this.fit(),
      };
      if (!(event.key in keys)) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  drag(id, before, now) {
    const others = [...this.pointers].filter(([other]) => other !== id);
    this.dragged += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
    this.pointers.set(id, now);
    if (others.length === 1) {
      const [[, fixed]] = others;
      const distance = (p) => Math.hypot(p[0] - fixed[0], p[1] - fixed[1]);
      this.zoom(distance(before) / Math.max(distance(now), 1), (now[0] + fixed[0]) / 2, (now[1] + fixed[1]) / 2);
    } else if (this.dragged >= 4) {
      this.pan(now[0] - before[0], now[1] - before[1]);
    }
  }

  point(event) {
    this.at = this.under(event.offsetX, event.offsetY);
    this.on.hover(this.at);
    if (!this.pending) this.annotate();
  }
}

/** The queries of a row of cells; null outside the sequence. */
function rowBand(from, cell, y, n) {
  if (cell <= 1) {
    const q = Math.floor(from + y * cell);
    return q >= 0 && q < n ? [q, q] : null;
  }
  return cellBand(from + y * cell, cell, n);
}

function cellBand(from, cell, n) {
  const first = Math.max(Math.ceil(from), 0);
  const last = Math.min(Math.ceil(from + cell) - 1, n - 1);
  return first <= last ? [first, last] : null;
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((m) => m * power).find((s) => s >= least) ?? 10 * power;
}
