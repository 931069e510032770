// Two curves. Where every point lies came with the data, as shares of the chart's width and height.

const WIDE = 440; // the chart's own units, of which the drawing has some to spare for its ticks
const HIGH = 150;
const SVG = "http://www.w3.org/2000/svg";

function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const across = (x) => (WIDE * x).toFixed(1);
const up = (y) => (HIGH * (1 - y)).toFixed(1);

// The bytes of x, y, x, y ... as pairs of numbers.
function pairs(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 8 }, (_, k) => [view.getFloat32(8 * k, true), view.getFloat32(8 * k + 4, true)]);
}

const path = (points) => points.map(([x, y], k) => `${k ? "L" : "M"}${across(x)} ${up(y)}`).join("");

// A chart; `show(chart, step)` draws it, with a line at a step.
function lineChart(dots) {
  const [raw, smooth, marks] = [s("path", { class: "seglib-raw" }), s("path", { class: "seglib-smooth" }), s("g", { class: "seglib-dots" })];
  const [grid, pin] = [s("g", { class: "seglib-ticks" }), s("line", { class: "seglib-pin", y1: 0, y2: HIGH })];
  const drawing = s("svg", { viewBox: `-46 -8 ${WIDE + 58} ${HIGH + 30}`, role: "img" }, grid, raw, smooth, marks, pin);
  const title = h("figcaption");
  const element = h("figure", { class: "seglib-chart" }, title, drawing);
  let drawn = "";
  const show = (chart, step) => {
    const [line, mean] = [pairs(chart.line), pairs(chart.smooth)];
    write(title, chart.title);
    label(drawing, chart.words);
    raw.setAttribute("d", path(line));
    raw.classList.toggle("seglib-only", !mean.length);
    smooth.setAttribute("d", path(mean));
    const scale = `${chart.across} ${chart.up}`;
    if (scale !== drawn) grid.replaceChildren(...ticks(chart));
    drawn = scale;
    marks.replaceChildren(...(dots && line.length < 60 ? line.map(([x, y]) => s("circle", { cx: across(x), cy: up(y), r: 2.5 })) : []));
    pin.style.display = step === null ? "none" : "";
    if (step !== null) pin.setAttribute("transform", `translate(${across(Math.min(step / chart.right, 1))} 0)`);
  };
  return { element, show };
}

function ticks({ across: below, up: beside }) {
  const text = (x, y, anchor, words) => s("text", { x, y, "text-anchor": anchor }, words);
  return [
    s("path", { d: `M0 ${HIGH}H${WIDE}`, class: "seglib-axis-line" }),
    ...beside.flatMap(([at, words]) => [s("path", { d: `M0 ${up(at)}H${WIDE}` }), text(-6, Number(up(at)) + 4, "end", words)]),
    text(-6, HIGH + 4, "end", "0"),
    ...below.map(([at, words]) => text(across(at), HIGH + 17, "middle", words)),
  ];
}
