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
  while (letters.length > 1 && element.getComputedTextLength() > room) {
    letters.pop();
    element.textContent = letters.join("") + "…";
  }
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
function addToken(picture, box, at, place, n, font, rotated) {
  const { t, s } = place;
  const token = t === null ? view().columns[s] : view().rows[t];
  const title = t === null ? view().columnTitle : view().rowTitle;
  const g = make("g", { class: "mt-token", role: "button", tabindex: -1, "aria-pressed": "false",
                        "aria-label": `${visible(token)}, ${title}, ${(t ?? s) + 1} of ${n}` },
                 picture.svg);
  const [x, y, width, height] = box;
  make("rect", { x, y, width, height, rx: 4 }, g);
  const text = make("text", { x: at.x, y: at.y, "text-anchor": at.anchor, "font-size": font,
                              "dominant-baseline": "central" }, g, visible(token));
  shorten(text, at.room);
  if (rotated) text.setAttribute("transform", `rotate(-55 ${at.x} ${at.y})`);
  if (text.textContent !== visible(token)) make("title", {}, g, visible(token));
  drawn.push({ kind: "token", t, s, element: g });
  picture.lists[t === null ? 1 : 0].push(g);
  react(g, place, picture);
}

// Who asks on the left, who is asked on the right, a line for each weight.
function drawLines(parent, values, scale, label) {
  const T = view().rows.length, S = view().columns.length, n = Math.max(T, S);
  const row = n <= 6 ? 38 : n <= 12 ? 30 : n <= 24 ? 22 : 17, font = row >= 30 ? 14 : row * 0.62;
  const top = 24, height = n * row, left = 110, right = 290, width = 400;
  const svg = newPicture(parent, width, top + height, label);
  const gap = (count) => Math.min(height / count, 1.6 * row);
  const y = (i, count) => top + height / 2 + (i - (count - 1) / 2) * gap(count);
  make("text", { x: left - 8, y: 10, "text-anchor": "end", "font-size": 12, class: "mt-quiet" },
       svg, view().rowTitle);
  make("text", { x: right + 8, y: 10, "font-size": 12, class: "mt-quiet" }, svg,
       view().columnTitle);
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
  const picture = { svg, lists: [[], []], sideways: false, values, numbers: make("g", {}, svg),
                    place: (t, s, atRow) => atRow ? { x: left + 4, y: y(t, T), anchor: "start" }
                      : { x: right - 4, y: y(s, S), anchor: "end" } };
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
  const cell = n <= 4 ? 42 : n <= 8 ? 34 : n <= 16 ? 20 : 12, font = Math.min(13, cell);
  const rotated = view().columns.some((token) => 8 * token.length > cell);
  const left = 66, top = 20 + (rotated ? 60 : 22);
  const svg = newPicture(parent, left + S * cell + (rotated ? 34 : 2), top + T * cell + 2, label);
  make("text", { x: 0, y: 10, "font-size": 13, "font-weight": 600 }, svg, heading);
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
  for (let s = 0; s < S; s++) {
    const x = left + (s + 0.5) * cell;
    addToken(picture, [left + s * cell, top - 20, cell, 18],
             { x, y: top - 10, anchor: rotated ? "start" : "middle", room: rotated ? 62 : cell },
             { t: null, s }, S, font, rotated);
  }
  finish(picture);
}

// What width and colour mean: a few sample lines with their numbers.
function drawLegend(parent, scale) {
  const parts = scale.signed ? [-1, -0.5, 0.5, 1] : [0.25, 0.5, 0.75, 1];
  const svg = make("svg", { viewBox: "0 0 260 34", width: 260, height: 34, role: "img",
                            "aria-label": "the scale of the lines" }, parent);
  parts.forEach((part, i) => {
    const { colour, width, opacity } = paint(part * scale.largest, scale);
    make("rect", { x: 4 + 64 * i, y: 9 - width / 2, width: 54, height: width,
                   style: `fill: ${colour}`, "fill-opacity": opacity.toFixed(3) }, svg);
    make("text", { x: 31 + 64 * i, y: 28, "text-anchor": "middle", "font-size": 11,
                   class: "mt-quiet" }, svg, brief(part * scale.largest, 3));
  });
}

// A number in two or three digits, for where there is little room.
function brief(value, digits = 2) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 0.01 && size < 1000 ? String(Number(value.toPrecision(digits)))
    : value.toExponential(digits - 2);
  return text.replace("-", "−");
}
