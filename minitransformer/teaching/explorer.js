// The answering half of the explorer: what is chosen, by mouse, finger or keyboard.
const root = document.currentScript && document.currentScript.parentElement;
if (!root || !root.classList.contains("mt-explorer")) return;
const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
const group = "mt" + Math.random().toString(36).slice(2);  // the radio buttons of this explorer
const state = { view: 0, layer: 0, head: 0, of: "weights" };
let hovered = null, focused = null, kept = null;  // {t, s}: a row, a column, or both for a cell

function view() { return data.views[state.view]; }
function headCount() { return view().arrays.weights[0].length; }
function allHeads() { return [...Array(headCount()).keys()]; }
function eachPair(visit) {
  view().rows.forEach((_, t) => view().columns.forEach((_, s) => visit(t, s)));
}

// The numbers of one head, or the mean of all heads.
function numbersOf(name, head) {
  const layer = view().arrays[name][state.layer];
  const S = view().columns.length, masks = view().masks;
  const chosen = head === "mean" ? allHeads() : [head];
  const maskOf = (one) => masks[masks.length > 1 ? state.layer * headCount() + one : 0];
  // A mean of scores is masked where one of them is -inf; a mean of weights where all are hidden.
  const hides = name.endsWith("scores") ? "some" : "every";
  const hidden = (t, s) => chosen[hides]((one) => maskOf(one)[t * S + s] === "1");
  const at = (t, s) => chosen.reduce(
    (sum, one) => sum + layer[one].n[t * S + s] * 10 ** layer[one].e, 0) / chosen.length;
  const values = { name, at, hidden, max: 0, min: 0,
                   e: Math.min(...chosen.map((one) => layer[one].e)) };
  eachPair((t, s) => {
    if (values.hidden(t, s)) return;
    values.max = Math.max(values.max, at(t, s));
    values.min = Math.min(values.min, at(t, s));
  });
  return values;
}

// ---- what the pointer and the keys do ----
function react(element, place, picture) {
  element.addEventListener("pointerenter", () => { hovered = place; update(); });
  element.addEventListener("pointerleave", () => { hovered = null; update(); });
  element.addEventListener("click", () => keep(place));
  if (!picture) return;
  element.addEventListener("focus", () => {
    if (element.matches(":focus-visible")) { focused = place; update(); }
  });
  element.addEventListener("blur", () => { focused = null; update(); });
  element.addEventListener("keydown", (event) => {
    if (!walk(event.key, element, place, picture)) return;
    event.preventDefault();
    event.stopPropagation();
  });
}

function keep(place) {
  kept = kept && kept.t === place.t && kept.s === place.s ? null : place;
  update();
}

function walk(key, element, place, picture) {
  if (key === "Enter" || key === " ") { keep(place); return true; }
  if (key === "Escape") { kept = hovered = focused = null; update(); return true; }
  const own = place.t === null ? 1 : 0, list = picture.lists[own], i = list.indexOf(element);
  const across = picture.sideways && own === 1;  // a table's columns stand side by side
  const step = { [across ? "ArrowLeft" : "ArrowUp"]: i - 1, Home: 0, End: list.length - 1,
                 [across ? "ArrowRight" : "ArrowDown"]: i + 1 }[key];
  let next = step === undefined ? undefined : list[Math.max(0, Math.min(list.length - 1, step))];
  if (key === (across ? "ArrowDown" : own ? "ArrowLeft" : "ArrowRight")) {
    const other = picture.lists[1 - own];
    next = other[Math.min(i, other.length - 1)];
  }
  if (!next) return false;
  picture.svg.querySelectorAll(".mt-token").forEach((one) => one.setAttribute("tabindex", -1));
  next.setAttribute("tabindex", 0);
  next.focus();
  return true;
}

function finish(picture) {
  picture.lists[0][0].setAttribute("tabindex", 0);  // one stop for Tab; from there by arrows
  if (picture.numbers) pictures.push(picture);
}

// ---- what a choice changes ----
function update() {
  const now = hovered || focused || kept;
  const fits = (t, s) => now && (now.t === null || now.t === t) && (now.s === null || now.s === s);
  for (const { kind, t, s, element } of drawn) {
    if (kind === "token") {
      const is = (one) => Boolean(one) && (t === null ? one.s === s : one.t === t);
      element.classList.toggle("mt-on", is(now));
      element.classList.toggle("mt-kept", is(kept));
      element.setAttribute("aria-pressed", is(kept));
    } else {
      element.classList.toggle("mt-dim", Boolean(now) && !fits(t, s));
    }
  }
  for (const picture of pictures) {
    picture.numbers.replaceChildren();
    if (now) eachPair((t, s) => { if (fits(t, s)) picture.write(t, s, now.t === null); });
  }
  tell(now, fits);
}

const LABELS = { weights: "weights", scores: "scores", dweights: "gradient of the weights",
                 dscores: "gradient of the scores" };

// The numbers of what is chosen, in words: for the eye, and for a screen reader.
function tell(now, fits) {
  readout.replaceChildren();
  if (!now) {
    make("p", { class: "mt-quiet" }, readout, "Point at a token to see its numbers; a click keeps "
      + "them. By keyboard: Tab to a token, the arrow keys to walk, Enter to keep, Escape to let "
      + "go.");
    return;
  }
  const word = (parent, token) => make("bdi", { class: "mt-word" }, parent, visible(token));
  const head = make("p", { class: "mt-head" }, readout);
  if (now.t !== null) { word(head, view().rows[now.t]); head.append(" asks "); }
  if (now.s !== null) word(head, view().columns[now.s]);
  if (now.t === null) head.append(" is asked by");
  const many = state.head === "all";
  for (const chosen of many ? allHeads() : [state.head]) {
    for (const name of [state.of, "d" + state.of]) {
      if (!view().arrays[name]) continue;
      const values = numbersOf(name, chosen);
      const line = make("p", {}, readout, (many ? `head ${chosen}, ` : "") + LABELS[name] + ": ");
      const pairs = [], most = many ? 3 : 8;
      eachPair((t, s) => { if (fits(t, s)) pairs.push([t, s]); });
      const free = pairs.filter((pair) => !values.hidden(...pair));
      const size = ([t, s]) => Math.abs(values.at(t, s));
      if (free.length > most) free.sort((a, b) => size(b) - size(a));
      free.slice(0, most).forEach(([t, s], i) => {
        line.append(i ? ", " : "");
        if (now.t === null || now.s === null) {
          word(line, now.t === null ? view().rows[t] : view().columns[s]);
          line.append(" ");
        }
        line.append(shown(values, t, s));
      });
      const rest = [[free.length - most, "smaller"], [pairs.length - free.length, "masked"]]
        .filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
      line.append((free.length && rest.length ? "; " : "") + rest.join(", "));
    }
  }
}

// ---- the page ----
function choice(parent, name, key, options) {
  if (options.length < 2) return;
  const box = make("div", { class: "mt-choice", role: "radiogroup", "aria-label": name }, parent);
  make("span", { "aria-hidden": "true" }, box, name);
  for (const [value, text] of options) {
    const label = make("label", {}, box);
    const input = make("input", { type: "radio", name: `${group}-${key}` }, label);
    input.checked = state[key] === value;
    input.addEventListener("change", () => {
      state[key] = value;
      if (key === "view") {
        Object.assign(state, { layer: 0, head: 0 });
        kept = null;
        fillControls();
        controls.querySelector(`input[name="${group}-view"]:checked`).focus();
      }
      draw();
    });
    make("span", {}, label, text);
  }
}

function fillControls() {
  controls.replaceChildren();
  const { weights } = view().arrays, numbered = (_, i) => [i, String(i)];
  choice(controls, "attention", "view", data.views.map((one, i) => [i, one.name]));
  choice(controls, "layer", "layer", weights.map(numbered));
  choice(controls, "head", "head", headCount() === 1 ? []
    : [...weights[0].map(numbered), ["mean", "mean"], ["all", "all"]]);
  choice(controls, "show", "of",
         ["weights", "scores"].filter((name) => view().arrays[name] || view().arrays["d" + name])
           .map((name) => [name, name]));
}

function draw() {
  drawn = [];
  pictures = [];
  panels.replaceChildren();
  const all = state.head === "all", heads = all ? allHeads() : [state.head];
  [state.of, "d" + state.of].filter((name) => view().arrays[name])
    .map((name) => [name, make("div", { class: "mt-panel" }, panels)])  // first, to know its width
    .forEach(([name, panel]) => {
      const list = heads.map((head) => numbersOf(name, head)), scale = scaleOf(list);
      const backward = name.startsWith("d");
      const title = `${backward ? "Backward" : "Forward"}: ${LABELS[name]}`;
      make("p", { class: "mt-head" }, panel, title);
      make("p", { class: "mt-quiet" }, panel, scale.empty ? "All of them are 0." : backward
        ? "Red: more of it would raise the loss. Blue: lower it."
        : scale.signed ? "Red: above 0. Blue: below 0. A softmax makes the weights."
        : all ? "Rows ask. The stronger the colour, the more they take."
        : "Thick: the left token takes much from the right one.");
      const box = make("div", { class: all ? "mt-heads" : "" }, panel);
      list.forEach((values, i) => all
        ? drawTable(box, values, scale, `${title}, head ${i}`, `head ${i}`)
        : drawLines(box, values, scale, title));
      if (!scale.empty) drawLegend(panel, scale, list, all);
    });
  update();
}

// Dark or light as the page is: its text is light on a dark ground.
function followThePage() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.fillStyle = getComputedStyle(root.parentElement).color;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  root.classList.toggle("mt-dark", 0.3 * red + 0.59 * green + 0.11 * blue > 128);
}

root.querySelector(".mt-fallback").remove();
if (data.title) make("p", { class: "mt-title" }, root, data.title);
const controls = make("div", { class: "mt-controls" }, root);
const panels = make("div", { class: "mt-panels" }, root);
const readout = make("div", { class: "mt-readout", "aria-live": "polite" }, root);
for (const note of data.notes) make("p", { class: "mt-quiet" }, root, note);
followThePage();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", followThePage);
for (const element of [document.documentElement, document.body]) {
  new MutationObserver(followThePage).observe(element, { attributes: true });
}
fillControls();
draw();
