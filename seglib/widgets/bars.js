// Bars: a row for each class, a column for each quantity. Where a class can be chosen, names are radio buttons.

// `widths` are the columns', `pick` as `radios` takes it, or null. `show(columns)` takes { title, hint, texts, lengths,
// ticks } and, where something lies on the bars, { bands, part, much }.
function barTable(frame, classes, widths, pick) {
  const heads = widths.map(() => h("div", { role: "columnheader" }));
  const axes = widths.map(() => h("div", { class: "seglib-axis" }));
  const picked = pick && radios(frame, classes.map(({ name }) => ({ value: name, name })), { ...pick, watch: null });
  const rows = classes.map((entry, place) => classBars(frame, entry, place, widths.length, picked?.inputs[place]));
  const table = h("div", { role: "table", "aria-label": "Classes" },
    h("div", { role: "row", class: "seglib-bars-head" }, h("div", { role: "columnheader" }, "Class"), heads),
    rows.map(({ element }) => element));
  const element = h("div", { class: "seglib-bars", style: `--columns: ${widths.map((width) => `minmax(0, ${width}fr)`).join(" ")}` },
    pick ? h("div", { role: "radiogroup", "aria-label": "Class" }, table) : table,
    h("div", { class: "seglib-bars-foot", "aria-hidden": "true" }, h("div", {}), axes));
  if (pick) rows.forEach(({ element }, place) => frame.on(element, "click", () => {
    picked.inputs[place].focus();
    if (pick.chosen() !== classes[place].name) pick.choose(classes[place].name);
  }));
  const show = (columns) => {
    columns.forEach(({ title, hint, ticks }, index) => {
      write(heads[index], title);
      heads[index].title = hint ?? "";
      axes[index].replaceChildren(...ticks.map(([at, text]) =>
        h("span", { style: `left: ${100 * at}%`, class: at > 0.85 ? "seglib-last" : "" }, text)));
    });
    picked?.show();
    rows.forEach(({ fill }) => fill(columns));
  };
  return { element, show };
}

function classBars(frame, { name, color }, place, count, input) {
  const swatch = h("span", { class: "seglib-swatch", "aria-hidden": "true" });
  const cells = Array.from({ length: count }, barCell);
  const element = h("div", { role: "row", class: "seglib-bars-row", ...(input && { "data-pick": "" }) },
    h("div", { role: "rowheader", title: name }, h(input ? "label" : "span", { class: "seglib-key" }, input, swatch, h("span", {}, name))),
    cells.map(({ element }) => element));
  let hatched = null;
  const fill = (columns) => {
    element.toggleAttribute("data-chosen", Boolean(input?.checked));
    columns.forEach((column, index) => cells[index].fill(column, place));
    if (hatched === frame.model.get("hatch")) return;
    hatched = frame.model.get("hatch");
    const pattern = hatched && name !== "background" ? `url(${tile(place, color)})` : "none";
    for (const part of [swatch, ...cells.map(({ bar }) => bar)]) part.style.background = `${pattern} rgb(${color.join(" ")})`;
  };
  return { element, fill };
}

// A number with its bar below it; `bands` is what may be expected of each bar, `part` a line across all of them.
function barCell() {
  const number = h("span", { class: "seglib-number" });
  const bar = h("span", { class: "seglib-length" });
  const over = h("span", { class: "seglib-over" });
  const track = h("span", { class: "seglib-bartrack", "aria-hidden": "true" }, bar, over);
  const fill = ({ texts, lengths, ticks, bands, part, much }, row) => {
    write(number, texts[row]);
    number.toggleAttribute("data-much", Boolean(much?.[row]));
    bar.style.width = `${100 * lengths[row]}%`;
    bar.hidden = !lengths[row];
    over.hidden = !bands;
    track.toggleAttribute("data-band", Boolean(bands));
    track.style.setProperty("--grid", ticks.map(([at]) => `linear-gradient(var(--line) 0 0) ${100 * at}% 0 / 1px 100% no-repeat`).join() || "none");
    const places = bands ? { from: bands[row][0], to: bands[row][1], part } : {};
    for (const [name, at] of Object.entries(places)) track.style.setProperty(`--${name}`, `${100 * at}%`);
  };
  return { element: h("div", { role: "cell" }, number, track), bar, fill };
}

// The stripes of a class as an image that repeats.
const tiles = new Map();

function tile(place, color) {
  const key = `${place} ${color}`;
  if (!tiles.has(key)) {
    const side = 6 + 3 * ((place >> 2) % 4); // the distance of its stripes, see onStripe
    const canvas = h("canvas", { width: side, height: side });
    const pixels = Uint32Array.from({ length: side * side }, (_, i) =>
      opaque(onStripe(place, i % side, Math.floor(i / side)) ? inked(color) : color));
    canvas.getContext("2d").drawImage(toImage(pixels, side, side), 0, 0);
    tiles.set(key, canvas.toDataURL());
  }
  return tiles.get(key);
}
