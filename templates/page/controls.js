// Sliders, choices and claims.

/** n on a logarithmic slider. */
const toLength = (x) => Math.round(2 ** (4 + (x / 1000) * 16));
const fromLength = (n) => Math.round(((Math.log2(n) - 4) / 16) * 1000);

function whole(input, low, high) {
  const value = Math.round(Number(input.value));
  return Number.isFinite(value) && input.value !== "" ? Math.min(Math.max(value, low), high) : null;
}

/** Calls `write` with the number of any of the inputs, kept within the limits. */
function listen(inputs, limits, write) {
  for (const input of inputs) {
    input.addEventListener("input", () => {
      const value = whole(input, ...limits());
      if (value !== null) write(value);
    });
  }
}

function parameterRow(name) {
  const row = document.createElement("label");
  row.className = "row";
  row.innerHTML = '<span></span><input type="range"><input type="number">';
  const [label, slider, field] = row.children;
  label.textContent = name;
  const given = page.patterns[state.pattern].values[name];
  Object.assign(slider, { min: Math.min(0, 2 * given), max: Math.max(4 * given, given + 16) });
  slider.dataset.parameter = field.dataset.parameter = name;
  for (const input of [slider, field]) {
    input.addEventListener("input", () => {
      const value = whole(input, -SAFE, SAFE);
      if (value === null) return;
      state.values[state.pattern][name] = value;
      update();
    });
  }
  return row;
}

function showParameters() {
  $("parameters").replaceChildren(...Object.keys(state.values[state.pattern]).map(parameterRow));
}

/** Puts the state into the controls, but not into the one that is being typed into. */
function refreshControls() {
  const put = (input, value) => {
    if (document.activeElement !== input || input.type === "range") input.value = value;
  };
  const heads = page.patterns[state.pattern].heads;
  put($("n"), state.n);
  put($("n-slider"), fromLength(state.n));
  $("head-row").hidden = heads < 2 || !page.patterns[state.pattern].by_head;
  for (const input of [$("head"), $("head-slider")]) input.max = heads - 1;
  put($("head"), state.head);
  put($("head-slider"), state.head);
  for (const input of [$("token"), $("token-slider")]) input.max = state.n - 1;
  put($("token"), state.token);
  put($("token-slider"), state.token);
  put($("layers"), state.layers);
  $("layers").disabled = false;
  $("documents-row").hidden = !page.patterns[state.pattern].documents;
  if (!$("documents-row").hidden) put($("documents"), documentLengths().join(" "));
  const values = state.values[state.pattern];
  for (const input of $("parameters").querySelectorAll("input")) {
    const value = values[input.dataset.parameter];
    if (input.type === "range") {
      input.min = Math.min(Number(input.min), value);
      input.max = Math.max(Number(input.max), value);
    }
    put(input, value);
  }
  const given = Object.entries(values).map(([k, v]) => `${k} = ${v}`).join(", ");
  $("reset").hidden = !Object.keys(values).length;
  $("title").textContent = state.stack || state.pattern;
  $("signature").textContent = `${state.stack ? state.pattern : ""}${given ? `(${given})` : ""}`;
}

function choices(select, pairs, value) {
  select.replaceChildren(...pairs.map(([key, text]) => new Option(text, key)));
  select.value = value;
}

function showClaims() {
  $("claims-section").hidden = !page.claims.length;
  $("claims").replaceChildren(...page.claims.map((claim) => {
    const item = document.createElement("li");
    item.innerHTML = '<span class="verdict"></span><span><code></code><small></small></span>';
    const [verdict, text] = item.children;
    verdict.textContent = { proved: "✓ proved", refuted: "✗ refuted", unknown: "? unknown" }[claim.verdict];
    verdict.classList.add(claim.verdict);
    text.querySelector("code").textContent = `${claim.name}: ${claim.claim}`;
    text.querySelector("small").textContent = claim.reason;
    return item;
  }));
}

function start() {
  const names = Object.keys(page.patterns);
  choices($("pattern"), names.map((n) => [n, n]), state.pattern);
  $("pattern-row").hidden = names.length < 2;
  $("pattern").addEventListener("change", () => {
    state.pattern = $("pattern").value;
    state.hidden.clear();
    showParameters();
    update();
  });
  choices($("stack"), [["", "this pattern, repeated"], ...page.stacks.map((s) => [s.name, `stack ${s.name}`])], state.stack);
  $("stack-row").hidden = !page.stacks.length;
  $("stack").addEventListener("change", () => {
    state.stack = $("stack").value;
    const stack = page.stacks.find((s) => s.name === state.stack);
    if (stack) state.layers = stack.layers.reduce((sum, [times]) => sum + times, 0);
    refreshControls();
    laterField();
  });
  const length = (n) => {
    const last = state.token === state.n - 1;
    state.n = n;
    if (last) state.token = n - 1;
    update();
  };
  listen([$("n")], () => [1, LONGEST], length);
  $("n-slider").addEventListener("input", () => length(toLength(Number($("n-slider").value))));
  listen([$("head-slider"), $("head")], () => [0, page.patterns[state.pattern].heads - 1], (h) => {
    state.head = h;
    state.hidden.clear();
    update();
  });
  listen([$("token-slider"), $("token")], () => [0, state.n - 1], (token) => {
    state.token = mask.token = token;
    refreshControls();
    mask.annotate();
    laterField();
  });
  listen([$("layers")], () => [1, 4096], (layers) => {
    state.layers = layers;
    laterField();
  });
  $("documents").addEventListener("input", () => {
    const lengths = $("documents").value.split(/[\s,]+/).filter(Boolean).map(Number);
    if (lengths.every((x) => Number.isInteger(x) && x > 0)) {
      state.documents = lengths;
      update();
    }
  });
  $("whole").addEventListener("change", () => laterField());
  $("reset").addEventListener("click", () => {
    state.values[state.pattern] = { ...page.patterns[state.pattern].values };
    update();
  });
  $("fit").addEventListener("click", () => mask.fit());
  $("closer").addEventListener("click", () => mask.zoom(0.6));
  $("farther").addEventListener("click", () => mask.zoom(1 / 0.6));
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const theme = (name) => {
    document.documentElement.dataset.theme = name;
    if (model) update();
  };
  $("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
  theme(dark.matches ? "dark" : "light");
  window.addEventListener("resize", () => laterField());
  showParameters();
  showClaims();
  update();
}

start();
