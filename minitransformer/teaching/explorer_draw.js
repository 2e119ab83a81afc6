// The drawing half of the explorer: explorer.js stands after it, in one function.
// Every text goes in by textContent: a token is never read as HTML.
const SVG = "http://www.w3.org/2000/svg";
let drawn = [];     // what changes when a token is chosen: {kind, t, s, element}
let pictures = [];  // every line picture, to write its numbers into

function make(tag, attributes, parent, text) {
  const inSvg = ["svg", "g", "path", "rect", "text", "line", "title"].includes(tag);
  const element = inSvg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

// What a token looks like: a space, a line's end and nothing at all are made visible.
function visible(token) {
  return token.replace(/ /g, "␣").replace(/\n/g, "⏎").replace(/\t/g, "⇥") || "∅";
}

function shorten(element, room) {
  const letters = Array.from(element.textContent);
  element.style.fontWeight = 600;  // as wide as it gets when its token is chosen
  while (letters.length > 1 && element.getComputedTextLength() > room) {
    letters.pop();
    element.textContent = letters.join("") + "…";
  }
  element.style.fontWeight = "";
}

// The largest number's place on the scale of strength; probabilities always go from 0 to 1.
function scaleOf(list) {
  const largest = Math.max(...list.map((values) => Math.max(values.max, -values.min)));
  const signed = list[0].name !== "weights" || list.some((values) => values.min < 0);
  return { largest: signed || largest > 1 ? largest || 1 : 1, signed, empty: largest === 0 };
}

function paint(value, scale) {
  const colour = !scale.signed ? "--weight" : value > 0 ? "--plus" : "--minus";
  const strength = Math.min(1, Math.abs(value) / scale.largest);
  return { strength, colour: `var(${colour})`, width: 0.75 + 8.25 * strength,
           opacity: strength === 0 ? 0 : 0.15 + 0.85 * strength };
}

function newPicture(parent, width, height, label) {
  return make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group",
                       "aria-label": label }, parent);
}

// A token that can be pointed at: box is [x, y, width, height], at is where its text stands.
function addToken(picture, box, at, place, n, font) {
  const { t, s } = place, [x, y, width, height] = box;
  const token = visible(t === null ? view().columns[s] : view().rows[t]);
  const title = t === null ? view().columnTitle : view().rowTitle;
  const g = make("g", { class: "mt-token", role: "button", tabindex: -1, "aria-pressed": "false",
                        "aria-label": `${token}, ${title}, ${(t ?? s) + 1} of ${n}` },
                 picture.svg);
  make("rect", { x, y, width, height, rx: 4 }, g);
  const text = make("text", { x: at.x, y: at.y, "text-anchor": at.anchor, "font-size": font,
                              "dominant-baseline": "central" }, g, token);
  if (at.upright) text.setAttribute("transform", `rotate(-90 ${at.x} ${at.y})`);
  shorten(text, at.room);
  if (text.textContent !== token) make("title", {}, g, token);
  drawn.push({ kind: "token", t, s, element: g });
  picture.lists[t === null ? 1 : 0].push(g);
  react(g, place, picture);
}

// Who asks on the left, who is asked on the right, a line for each weight.
function drawLines(parent, values, scale, label) {
  const T = view().rows.length, S = view().columns.length, n = Math.max(T, S);
  const row = n <= 6 ? 38 : n <= 12 ? 30 : n <= 24 ? 22 : 17, font = row >= 30 ? 14 : row * 0.62;
  const width = Math.max(290, Math.min(430, parent.clientWidth || 430));
  const left = 0.26 * width, right = width - left, top = 26, height = n * row;
  const svg = newPicture(parent, width, top + height, label);
  const gap = (count) => Math.min(height / count, 1.6 * row);
  const y = (i, count) => top + height / 2 + (i - (count - 1) / 2) * gap(count);
  make("text", { x: left - 8, y: 10, "text-anchor": "end", "font-size": 12, class: "mt-quiet" },
       svg, view().rowTitle);
  make("text", { x: Math.min(right + 8, width - 92), y: 10, "font-size": 12, class: "mt-quiet" },
       svg, view().columnTitle);
  const lines = make("g", { fill: "none" }, svg);
  eachPair((t, s) => {
    if (values.hidden(t, s)) return;
    const { colour, width, opacity } = paint(values.at(t, s), scale);
    const a = y(t, T), b = y(s, S), middle = (left + right) / 2;
    const path = make("path", {
      d: `M${left} ${a}C${middle} ${a} ${middle} ${b} ${right} ${b}`,
      style: `stroke: ${colour}`, "stroke-width": width.toFixed(2),
      "stroke-opacity": opacity.toFixed(3), "data-t": t, "data-s": s }, lines);
    drawn.push({ kind: "line", t, s, element: path });
  });
  const picture = { svg, lists: [[], []], sideways: false, numbers: make("g", {}, svg) };
  // A number stands where a line meets its token; a patch of the ground keeps it readable.
  picture.write = (t, s, atRow) => {
    const x = atRow ? left + 5 : right - 5, at = atRow ? y(t, T) : y(s, S), side = font - 1.5;
    const hidden = values.hidden(t, s);
    const text = make("text", { x, y: at, "text-anchor": atRow ? "start" : "end",
                                "font-size": side, "dominant-baseline": "central",
                                class: hidden ? "mt-number mt-quiet" : "mt-number" },
                      picture.numbers, hidden && n > 12 ? "×" : shown(values, t, s));
    const length = text.getComputedTextLength() + 10;
    text.before(make("rect", { x: atRow ? left - 1 : right - length + 1, y: at - side * 0.7,
                               width: length, height: side * 1.4, class: "mt-patch" }));
  };
  for (let t = 0; t < T; t++) {
    addToken(picture, [0, y(t, T) - gap(T) / 2, left - 2, gap(T)],
             { x: left - 8, y: y(t, T), anchor: "end", room: left - 14 }, { t, s: null }, T, font);
  }
  for (let s = 0; s < S; s++) {
    addToken(picture, [right + 2, y(s, S) - gap(S) / 2, width - right - 2, gap(S)],
             { x: right + 8, y: y(s, S), anchor: "start", room: width - right - 14 },
             { t: null, s }, S, font);
  }
  svg.append(picture.numbers);
  finish(picture);
}

// A row for each token that asks, a column for each that is asked.
function drawTable(parent, values, scale, label, heading) {
  const T = view().rows.length, S = view().columns.length, n = Math.max(T, S);
  const cell = n <= 4 ? 42 : n <= 8 ? 34 : n <= 16 ? 20 : 13, font = Math.min(13, cell - 2);
  const upright = view().columns.some((token) => 8 * token.length > cell);
  const left = 66, top = 20 + (upright ? 66 : 24);
  const svg = newPicture(parent, Math.max(left + S * cell + 2, 110), top + T * cell + 2, label);
  make("text", { x: 0, y: 13, "font-size": 13, "font-weight": 600 }, svg, heading);
  eachPair((t, s) => {
    const x = left + s * cell, y = top + t * cell, hidden = values.hidden(t, s);
    const { strength, colour } = paint(values.at(t, s), scale);
    const g = make("g", { class: "mt-cell", "data-t": t, "data-s": s }, svg);
    make("rect", { x, y, width: cell, height: cell, style: `fill: ${colour}`,
                   "fill-opacity": hidden ? 0 : strength.toFixed(3) }, g);
    if (hidden) {
      make("line", { x1: x + 3, y1: y + cell - 3, x2: x + cell - 3, y2: y + 3 }, g);
    } else if (cell >= 34) {
      make("text", { x: x + cell / 2, y: y + cell / 2, "text-anchor": "middle", "font-size": 11,
                     "dominant-baseline": "central", class: strength > 0.6 ? "mt-strong" : "" },
           g, brief(values.at(t, s)));
    }
    drawn.push({ kind: "cell", t, s, element: g });
    react(g, { t, s }, null);
  });
  const picture = { svg, lists: [[], []], sideways: true };
  for (let t = 0; t < T; t++) {
    addToken(picture, [0, top + t * cell, left - 2, cell],
             { x: left - 7, y: top + (t + 0.5) * cell, anchor: "end", room: left - 10 },
             { t, s: null }, T, font);
  }
  const tall = upright ? 64 : 22;
  for (let s = 0; s < S; s++) {
    addToken(picture, [left + s * cell, top - tall - 1, cell, tall],
             { x: left + (s + 0.5) * cell, y: upright ? top - 5 : top - 12, upright,
               anchor: upright ? "start" : "middle", room: upright ? 52 : cell },
             { t: null, s }, S, font);
  }
  finish(picture);
}

// What the colours mean, and in a picture of lines their width: a few samples with numbers.
function drawLegend(parent, scale, list, squares) {
  const max = Math.max(...list.map((values) => values.max));
  const min = Math.min(...list.map((values) => values.min));
  const parts = min < 0 && max > 0 ? [-1, -0.5, 0.5, 1]
    : [0.25, 0.5, 0.75, 1].map((part) => min < 0 ? -part : part);
  const svg = make("svg", { viewBox: "0 0 286 36", width: 286, height: 36, role: "img",
                            "aria-label": "the scale" }, parent);
  parts.forEach((part, i) => {
    const { strength, colour, width, opacity } = paint(part * scale.largest, scale);
    const height = squares ? 13 : width;
    make("rect", { x: 4 + 72 * i, y: 9 - height / 2, width: 60, height, style: `fill: ${colour}`,
                   "fill-opacity": (squares ? strength : opacity).toFixed(3) }, svg);
    make("text", { x: 34 + 72 * i, y: 29, "text-anchor": "middle", "font-size": 11,
                   class: "mt-quiet" }, svg, brief(part * scale.largest, 3));
  });
}

// A number in two or three digits, for where there is little room.
function brief(value, digits = 2) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 10000)) return powers(value, digits - 2);
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

// 0.0000123 as 1.23×10⁻⁵.
function powers(value, decimals) {
  const [digits, exponent] = value.toExponential(decimals).split("e");
  const raised = String(Number(exponent)).replace(/./g, (c) => c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]);
  return `${digits.replace("-", "−")}×10${raised}`;
}

// A number as it is told: with the digits that are stored.
function shown(values, t, s) {
  if (values.hidden(t, s)) return "masked";
  const value = values.at(t, s), decimals = Math.max(0, -values.e);
  if (Math.abs(value) < 0.5 * 10 ** values.e) return "0";
  const text = decimals > 7 ? powers(value, 3) : value.toFixed(decimals).replace("-", "−");
  return (values.name !== "weights" && value > 0 ? "+" : "") + text;
}
