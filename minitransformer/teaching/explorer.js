// The answering half of the explorer: what is chosen, by mouse, finger or keyboard.
const root = document.currentScript && document.currentScript.parentElement;
if (!root || !root.classList.contains("mt-explorer")) return;
const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
const group = "mt" + Math.random().toString(36).slice(2);  // the radio buttons of this explorer
const state = { view: 0, layer: 0, head: 0, of: "weights" };
let hovered = null, focused = null, kept = null;  // {t, s}: a row, a column, or both for a cell

function view() { return data.views[state.view]; }
function headCount() { return view().arrays.weights[0].length; }
function eachPair(visit) {
  view().rows.forEach((_, t) => view().columns.forEach((_, s) => visit(t, s)));
}

// The numbers of one head, or the mean of all heads; null where none were given.
function numbersOf(name, head) {
  const layer = view().arrays[name] && view().arrays[name][state.layer];
  if (!layer) return null;
  const S = view().columns.length, masks = view().masks;
  const parts = head === "mean" ? layer : [layer[head]];
  const mask = masks[masks.length > 1 ? state.layer * headCount() + (head === "mean" ? 0 : head)
    : 0];
  const at = (t, s) =>
    parts.reduce((sum, part) => sum + part.n[t * S + s] * 10 ** part.e, 0) / parts.length;
  const values = { name, at, hidden: (t, s) => mask[t * S + s] === "1", max: 0, min: 0,
                   e: Math.min(...parts.map((part) => part.e)) };
  eachPair((t, s) => {
    if (values.hidden(t, s)) return;
    values.max = Math.max(values.max, at(t, s));
    values.min = Math.min(values.min, at(t, s));
  });
  return values;
}

// A number as the reader sees it, with the digits that are stored.
function shown(values, t, s) {
  if (values.hidden(t, s)) return "masked";
  const value = values.at(t, s);
  const text = values.e < -7 ? value.toExponential(3) : value.toFixed(Math.max(0, -values.e));
  if (Number(text) === 0) return "0";
  return (values.name !== "weights" && value > 0 ? "+" : "") + text.replace(/-/g, "−");
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
  for (const { numbers, values, place } of pictures) {
    numbers.replaceChildren();
    if (now) eachPair((t, s) => {
      if (!fits(t, s)) return;
      const { x, y, anchor } = place(t, s, now.t === null);
      make("text", { x, y, "text-anchor": anchor, "font-size": 12, class: "mt-number",
                     "dominant-baseline": "central" }, numbers, shown(values, t, s));
    });
  }
  tell(now);
}

const LABELS = { weights: "weights", scores: "scores", dweights: "gradient of the weights",
                 dscores: "gradient of the scores" };

function tell(now) {
  readout.replaceChildren();
  const { rows, columns } = view();
  if (!now) {
    make("p", { class: "mt-quiet" }, readout, "Point at a token to see its numbers; a click keeps "
      + "them. By keyboard: Tab to a token, the arrow keys to walk, Enter to keep, Escape to let "
      + "go.");
    return;
  }
  const asks = now.t === null ? "" : `“${visible(rows[now.t])}”`;
  const asked = now.s === null ? "" : `“${visible(columns[now.s])}”`;
  make("p", { class: "mt-head" }, readout,
       asks && asked ? `${asks} asks ${asked}` : asks ? `${asks} asks` : `${asked} is asked by`);
  const many = state.head === "all" && headCount() > 1;
  for (const head of many ? [...Array(headCount()).keys()] : [state.head]) {
    for (const name of [state.of, "d" + state.of]) {
      const values = numbersOf(name, head);
      if (!values) continue;
      const pairs = [];
      eachPair((t, s) => {
        if ((now.t === null || now.t === t) && (now.s === null || now.s === s)) pairs.push([t, s]);
      });
      const most = many ? 3 : 8;
      if (pairs.length > most) {
        pairs.sort((a, b) => Math.abs(values.at(...b)) - Math.abs(values.at(...a)));
      }
      const words = pairs.slice(0, most).map(([t, s]) =>
        `${asks && asked ? "" : visible(asks ? columns[s] : rows[t]) + " "}${shown(values, t, s)}`);
      make("p", {}, readout, (many ? `head ${head}, ` : "") + LABELS[name] + ": " + words.join(", ")
        + (pairs.length > most ? `, and ${pairs.length - most} more that are smaller` : ""));
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
  const counted = (n) => [...Array(n).keys()].map((i) => [i, String(i)]);
  choice(controls, "attention", "view", data.views.map((one, i) => [i, one.name]));
  choice(controls, "layer", "layer", counted(view().arrays.weights.length));
  if (headCount() > 1) {
    choice(controls, "head", "head", [...counted(headCount()), ["mean", "mean"], ["all", "all"]]);
  }
  choice(controls, "show", "of",
         ["weights", "scores"].filter((name) => view().arrays[name]).map((name) => [name, name]));
}

function draw() {
  drawn = [];
  pictures = [];
  panels.replaceChildren();
  for (const name of [state.of, "d" + state.of]) {
    const backward = name.startsWith("d"), all = state.head === "all";
    const list = (all ? [...Array(headCount()).keys()] : [state.head])
      .map((head) => numbersOf(name, head)).filter(Boolean);
    if (!list.length) continue;
    const scale = scaleOf(list), panel = make("div", { class: "mt-panel" }, panels);
    const title = `${backward ? "backward" : "forward"}: ${LABELS[name]}`;
    make("p", { class: "mt-head" }, panel, title);
    make("p", { class: "mt-quiet" }, panel, scale.empty ? "All of them are 0." : backward
      ? "Red: more of it would raise the loss. Blue: more would lower it."
      : scale.signed ? "Red: above 0. Blue: below 0."
      : all ? "A row for each token that asks. The stronger the colour, the more it takes."
      : "The thicker the line, the more the left token takes from the right one.");
    const box = make("div", { class: all ? "mt-heads" : "" }, panel);
    list.forEach((values, i) => all ? drawTable(box, values, scale, `${title}, head ${i}`,
      `head ${i}`) : drawLines(box, values, scale, title));
    if (!scale.empty) drawLegend(panel, scale);
  }
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
