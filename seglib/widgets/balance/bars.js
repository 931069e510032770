// Bars: a row for each class, a column for each quantity. Names are radio buttons: arrow keys go from class to class.

// `columns()` gives { title, hint, texts, lengths, ticks, over } for each column, as long as the classes; `over` is
// what else lies on a bar. `widths` says how wide the columns are.
function barTable(frame, classes, columns, widths) {
  const group = `seglib-${Math.random().toString(36).slice(2)}`;
  const heads = widths.map(() => h("div", { role: "columnheader" }));
  const axes = widths.map(() => h("div", { class: "seglib-axis" }));
  const rows = classes.map((entry, place) => classBars(frame, { ...entry, place }, widths.length, group));
  const element = h("div", { class: "seglib-bars", style: `--columns: ${widths.map((width) => `minmax(0, ${width}fr)`).join(" ")}` },
    h("div", { role: "radiogroup", "aria-label": "Class" },
      h("div", { role: "table", class: "seglib-bars-table" },
        h("div", { role: "row", class: "seglib-bars-head" }, h("div", { role: "columnheader" }, "Class"), heads),
        rows.map(({ element }) => element))),
    h("div", { class: "seglib-bars-foot", "aria-hidden": "true" }, h("div", {}), axes));
  const show = () => {
    const shown = columns();
    shown.forEach(({ title, hint, ticks }, index) => {
      write(heads[index], title);
      heads[index].title = hint ?? "";
      axes[index].replaceChildren(...ticks.map(([at, text]) =>
        h("span", { style: `left: ${100 * at}%`, class: at > 0.85 ? "seglib-last" : "" }, text)));
    });
    rows.forEach(({ fill }, place) => fill(shown, place));
  };
  return { element, show };
}

function classBars(frame, { name, color, place }, count, group) {
  const { model, watch, on } = frame;
  const input = h("input", { type: "radio", name: group, value: name, "aria-label": name });
  const swatch = h("span", { class: "seglib-swatch", "aria-hidden": "true" });
  const cells = Array.from({ length: count }, barCell);
  const element = h("div", { role: "row", class: "seglib-bars-row" },
    h("div", { role: "rowheader", title: name }, h("label", { class: "seglib-key" }, input, swatch, h("span", {}, name))),
    cells.map(({ element }) => element));
  const mark = () => {
    input.checked = model.get("selected") === name;
    element.toggleAttribute("data-selected", input.checked);
  };
  const paint = () => {
    const pattern = model.get("hatch") && name !== "background" ? `url(${tile(place, color)})` : "none";
    for (const part of [swatch, ...cells.map(({ bar }) => bar)]) {
      part.style.background = `${pattern} rgb(${color.join(" ")})`;
    }
  };
  const choose = () => {
    input.focus();
    if (model.get("selected") !== name) frame.set("selected", name);
  };
  on(element, "click", choose);
  on(input, "change", choose);
  watch(["selected"], mark);
  watch(["hatch"], paint);
  mark();
  paint();
  const fill = (columns, row) => columns.forEach((column, index) => cells[index].fill(column, row));
  return { element, fill };
}

// A number with its bar below it.
function barCell() {
  const number = h("span", { class: "seglib-number" });
  const bar = h("span", { class: "seglib-length" });
  const over = h("span", { class: "seglib-over", hidden: true });
  const track = h("span", { class: "seglib-bartrack", "aria-hidden": "true" }, bar, over);
  const element = h("div", { role: "cell" }, number, track);
  const fill = ({ texts, lengths, ticks, over: more }, row) => {
    write(number, texts[row]);
    bar.style.width = `${100 * lengths[row]}%`;
    bar.hidden = !lengths[row];
    track.style.setProperty("--grid", ticks.map(([at]) => `linear-gradient(var(--line) 0 0) ${100 * at}% 0 / 1px 100% no-repeat`).join() || "none");
    more?.(row, { number, track, over });
  };
  return { element, bar, fill };
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
