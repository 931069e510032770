// The legend: a row a class that is in the image, with its tick box, swatch, name, and share of each map on show.
// In a difference: right, wrong and void instead.

function legend(frame, scene, shown) {
  const present = scene.entries.filter(({ place }) => scene.maps.some(({ shares }) => shares[place] !== "0 %"));
  const rows = present.map((entry) => classRow(frame, entry));
  const set = (names) => frame.set("visible", names);
  const bar = h("div", { class: "seglib-bar" },
    h("span", { class: "seglib-grow" }, "Classes"),
    button(frame, "Show all classes", "All", () => set(scene.entries.map(({ name }) => name))),
    button(frame, "Hide all classes", "None", () => set([])));
  const holder = h("div", { class: "seglib-legend" }, bar);
  const show = () => {
    const panels = shown();
    const shares = panels.map(({ map }) => map).filter(Boolean);
    const maps = shares.length > 2 ? shares.slice(0, 1) : shares; // three columns do not fit next to the names
    const titles = shares.length > 1 ? [row("columnheader", "", ...maps.map(({ name }) => name))] : [];
    bar.hidden = frame.model.get("mode") === "difference";
    const body = bar.hidden ? verdictRows(panels[0].verdicts) : rows.map((show) => show(maps));
    const table = { role: "table", class: "seglib-table", style: `--columns: ${bar.hidden ? 1 : maps.length}` };
    holder.replaceChildren(bar, h("div", table, titles, body));
  };
  frame.follow(["mode", "layer"], show);
  return holder;
}

// A row of a table. Pages that show notebooks style every <table> in an output, so ours are not.
function row(role, head, ...cells) {
  return h("div", { role: "row", class: "seglib-row" },
    h("div", { role }, head), cells.map((cell) => h("div", { role: role === "rowheader" ? "cell" : role }, cell)));
}

// Returns a function that makes the row with its share of each of `maps`; the tick box in it stays the same.
function classRow(frame, entry) {
  const { model } = frame;
  const { name, place } = entry;
  const clear = name === "background"; // never painted: there is the image itself
  const sample = swatch("none");
  const input = h("input", { type: "checkbox", disabled: clear });
  const label = h("label", { class: "seglib-key" }, input, sample, h("span", {}, name));
  frame.on(input, "change", () => {
    const others = model.get("visible").filter((other) => other !== name);
    frame.set("visible", input.checked ? [...others, name] : others);
  });
  frame.follow(["visible"], () => (input.checked = model.get("visible").includes(name)));
  frame.follow(["hatch"], () => clear || (sample.style.background = classPaint(entry, model.get("hatch"))));
  return (maps) => row("rowheader", label, ...maps.map(({ shares }) => shares[place]));
}

function verdictRows(shares) {
  return Object.entries(shares).map(([verdict, share]) => {
    const sample = swatch(tiled(24, (x, y) => differenceColor(verdict, x, y, 128))); // stripes of 8 pixels, dots of 6
    return row("rowheader", h("span", { class: "seglib-key" }, sample, verdict), share);
  });
}
