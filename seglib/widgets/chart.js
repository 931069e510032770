// A chart. Where every point lies is sent with it, as a share of the chart's width and height.

const LEFT_CHART = 40; // room for the ticks of the y axis, in the chart's own units
const THUMB = 8; // half of a slider's thumb: a slider of the same width below the chart stands under its line
const SVG_NAMES = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG_NAMES, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// The bytes of x, y, x, y ... as pairs of numbers.
function pairs(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 8 }, (_, k) => [view.getFloat32(8 * k, true), view.getFloat32(8 * k + 4, true)]);
}

// Its `show(data, at)` draws a chart, and a vertical line at the share `at` of its width, or none for null.
function chart({ wide = 340, high = 96 } = {}) {
  const across = (x) => (LEFT_CHART + THUMB + (wide - LEFT_CHART - 2 * THUMB) * x).toFixed(1);
  const up = (y) => (high * (1 - y)).toFixed(1);
  const [grid, lines, dots] = [svg("g"), svg("g"), svg("g")];
  const pin = svg("path", { class: "seglib-pin", d: `M0 0V${high}` });
  const drawing = svg("svg", { viewBox: `0 -6 ${wide} ${high + 26}`, role: "img" }, grid, pin, lines, dots);
  const [title, key] = [h("figcaption"), h("div", { class: "seglib-line-key" })];
  const element = h("figure", { class: "seglib-chart" }, title, drawing, key);

  const text = (x, y, anchor, words) => svg("text", { x, y, "text-anchor": anchor }, words);
  const level = (y, kind) => svg("path", { class: kind, d: `M${LEFT_CHART} ${up(y)}H${wide}` });
  const gridOf = (data) => [
    level(0, "seglib-ground"),
    ...data.up.flatMap(([y, words]) => [level(y, "seglib-level"), text(LEFT_CHART - 6, Number(up(y)) + 4, "end", words)]),
    ...data.across.map(([x, words]) => text(across(x), high + 16, x > 0.95 ? "end" : "middle", words)),
  ];
  const line = (kind, d) => svg("path", { class: `seglib-line ${kind}`, d });
  const lineOf = ({ points, kind, marked }) => [
    line(kind, `M${points.map(([x, y]) => `${across(x)} ${up(y)}`).join("L")}`),
    marked ? line(`${kind} seglib-marks`, points.map(([x, y]) => `M${across(x)} ${up(y)}h0`).join("")) : null,
  ];
  const keyOf = ({ name, kind }) =>
    h("span", {}, svg("svg", { viewBox: "0 0 16 8", width: 16, height: 8, "aria-hidden": "true" }, line(kind, "M0 4H16")), name);

  let drawn = "";
  const show = (data, at) => {
    let strong = 0;
    const shown = data.lines.map(({ name, points, faint, marked }) => ({ name, faint, marked, points: pairs(points), kind: faint ? "seglib-faint" : `seglib-line-${strong++}` }));
    write(title, data.title);
    label(drawing, `${data.title}: ${data.words}`);
    const rest = JSON.stringify([data.across, data.up, shown.map(({ name }) => name)]);
    if (rest !== drawn) {
      grid.replaceChildren(...gridOf(data));
      key.replaceChildren(...(shown.length > 1 ? shown.map(keyOf) : []));
    }
    drawn = rest;
    lines.replaceChildren(...shown.filter(({ points }) => points.length).flatMap(lineOf).filter(Boolean));
    pin.style.display = at === null ? "none" : "";
    if (at !== null) pin.setAttribute("transform", `translate(${across(at)} 0)`);
    const under = at === null ? [] : shown.filter(({ faint }) => !faint).flatMap(({ points, kind }) => points.filter(([x]) => Math.abs(x - at) < 1e-4).map((point) => [kind, point]));
    dots.replaceChildren(...under.map(([kind, [x, y]]) => svg("circle", { class: `seglib-line ${kind} seglib-dot`, cx: across(x), cy: up(y), r: 3.5 })));
  };
  return { element, show };
}
