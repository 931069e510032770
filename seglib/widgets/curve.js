// A chart, and below it a slider over the same stops: the thumb stands under the line that marks its stop.

const WIDE_CHART = 340; // the chart's own units; where the card has its usual width, CSS pixels
const HIGH_CHART = 96;
const LEFT_CHART = 36; // room for the ticks beside
const THUMB = 8; // half of a slider's thumb
const SVG_NAMES = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG_NAMES, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const alongChart = (share) => LEFT_CHART + THUMB + (WIDE_CHART - LEFT_CHART - 2 * THUMB) * share;
const upChart = (share) => HIGH_CHART * (1 - share);

// `place()` is where the slider stands, 0..1.
function curve({ title, lines, across, up, words }, place) {
  const last = Math.max(1, lines[0].heights.length - 1);
  const pin = svg("line", { class: "seglib-pin", y1: 0, y2: HIGH_CHART });
  const dots = lines.map((_, k) => svg("circle", { class: `seglib-dot seglib-line-${k}`, r: 3.5 }));
  const drawing = svg("svg", { viewBox: `0 -6 ${WIDE_CHART} ${HIGH_CHART + 26}`, role: "img", "aria-label": `${title}: ${words}` },
    ...gridLines(across, up), pin, ...lines.map(({ heights }, k) => svg("path", { class: `seglib-line seglib-line-${k}`, d: chartPath(heights, last) })), ...dots);
  const key = lines.length > 1
    ? h("div", { class: "seglib-line-key" }, lines.map(({ name }, k) =>
        h("span", {}, svg("svg", { viewBox: "0 0 16 8", width: 16, height: 8, "aria-hidden": "true" },
          svg("path", { class: `seglib-line seglib-line-${k}`, d: "M0 4H16" })), name)))
    : null;
  const element = h("figure", { class: "seglib-curve" }, h("figcaption", {}, title), drawing, key);
  const show = () => {
    const at = place();
    const x = alongChart(at);
    pin.setAttribute("x1", x);
    pin.setAttribute("x2", x);
    lines.forEach(({ heights }, k) => {
      const y = heights[Math.round(at * last)];
      dots[k].style.display = y === null ? "none" : "";
      if (y !== null) Object.entries({ cx: x, cy: upChart(y) }).forEach(([name, value]) => dots[k].setAttribute(name, value));
    });
  };
  return { element, show };
}

function chartPath(heights, last) {
  const points = heights.map((y, k) => y !== null && `${alongChart(k / last).toFixed(1)} ${upChart(y).toFixed(1)}`);
  return `M${points.filter(Boolean).join("L")}`;
}

function gridLines(across, up) {
  const text = (x, y, anchor, words) => svg("text", { x, y, "text-anchor": anchor }, words);
  const level = (y, kind) => svg("path", { class: kind, d: `M${LEFT_CHART} ${upChart(y)}H${WIDE_CHART}` });
  return [
    level(0, "seglib-ground"),
    ...up.flatMap(([at, words]) => [level(at, "seglib-level"), text(LEFT_CHART - 6, upChart(at) + 4, "end", words)]),
    ...across.map(([at, words]) => text(alongChart(at), HIGH_CHART + 16, at > 0.9 ? "end" : "middle", words)),
  ];
}

// A slider over a few stops, with its name and value above it.
function ladder(frame, trait, { name, stops, words }) {
  const input = h("input", { type: "range", min: 0, max: stops.length - 1, step: 1, "aria-label": name });
  const output = h("span", { class: "seglib-value" });
  const show = () => {
    const value = frame.model.get(trait);
    input.value = stops.indexOf(value);
    write(output, words(value));
    input.setAttribute("aria-valuetext", words(value));
  };
  frame.on(input, "input", () => frame.set(trait, stops[input.valueAsNumber]));
  frame.watch([trait], show);
  show();
  return h("div", { class: "seglib-ladder" },
    h("div", { class: "seglib-bar", "aria-hidden": "true" }, h("span", { class: "seglib-grow" }, name), output), input);
}
