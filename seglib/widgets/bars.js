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
  const sample = swatch("none");
  const cells = Array.from({ length: count }, barCell);
  const element = h("div", { role: "row", class: "seglib-bars-row", ...(input && { "data-pick": "" }) },
    h("div", { role: "rowheader", title: name }, h(input ? "label" : "span", { class: "seglib-key" }, input, sample, h("span", {}, name))),
    cells.map(({ element }) => element));
  let hatched = null;
  const fill = (columns) => {
    element.toggleAttribute("data-chosen", Boolean(input?.checked));
    columns.forEach((column, index) => cells[index].fill(column, place));
    if (hatched === frame.model.get("hatch")) return;
    hatched = frame.model.get("hatch");
    const paint = classPaint({ value: place, color }, hatched && name !== "background");
    for (const part of [sample, ...cells.map(({ bar }) => bar)]) part.style.background = paint;
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
