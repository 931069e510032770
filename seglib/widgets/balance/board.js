// The class-balance board. Every number, sentence and bar is sent with the data; here it is only chosen what is shown.

async function board(frame) {
  const { model, watch, root } = frame;
  const data = model.get("data");
  const scenes = await Promise.all(data.thumbs.map(unpackThumb));
  const views = { classes: classView(frame, data, scenes), ...(data.cuts.length && { blur: blurView(frame, data, scenes) }) };
  root.classList.add("seglib-balance");
  root.append(
    h("div", { class: "seglib-bar" },
      views.blur ? choice(frame, "view", "View", [["classes", "Classes"], ["blur", "Blur"]]) : null,
      h("span", { class: "seglib-quiet seglib-grow" }, data.source),
      tick(frame, "hatch", "Hatching")),
    ...Object.values(views).map(({ element }) => element));
  const show = () => {
    const view = views[model.get("view")];
    for (const { element } of Object.values(views)) element.hidden = element !== view.element;
    view.show();
  };
  const later = frame.everyFrame(show);
  watch(["view", "selected", "scheme", "frequency", "cut", "hatch"], later);
  frame.onResize(root, later);
  show();
}

function classView(frame, data, scenes) {
  const get = frame.model.get;
  const place = () => data.classes.findIndex(({ name }) => name === get("selected"));
  const setting = () => data.settings.find(({ stop }) => stop[0] === get("frequency"));
  const bars = barTable(frame, data.classes, data.settings[0].columns.none.map(() => 1), bound(frame, "selected"));
  const status = h("p", { class: "seglib-status", role: "status" });
  const row = thumbRow(frame, "Images with the class", {});
  const dial = data.dial && stopSlider(frame, data.dial, () => data.settings.map(({ stop }) => stop), bound(frame, "frequency")).element;
  const formula = h("p", { class: "seglib-says seglib-quiet" });
  const schemes = h("div", { class: "seglib-group" },
    h("div", { class: "seglib-bar" }, h("span", {}, "Weights"), choice(frame, "scheme", "Weights", data.schemes)), formula);
  const element = h("div", { class: "seglib-view" },
    h("div", { class: "seglib-dials" }, dial || null, schemes), bars.element,
    data.note ? h("p", { class: "seglib-quiet" }, data.note) : null, status, row.element);
  const show = () => {
    const { columns, words, images } = setting();
    const [scheme, at] = [get("scheme"), place()];
    write(formula, data.schemes.find(([name]) => name === scheme)[2]);
    bars.show(columns[scheme]);
    write(status, words[scheme][at]);
    row.show(images[at].map((one) => ({ ...one, scene: scenes[one.thumb], layer: lit(scenes[one.thumb], at) })));
  };
  return { element, show };
}

function blurView(frame, data, scenes) {
  const get = frame.model.get;
  const cut = () => data.cuts.find(({ stop }) => stop[0] === get("cut"));
  const bars = barTable(frame, data.classes, [1, 1, 3], bound(frame, "selected"));
  const status = h("p", { class: "seglib-status", role: "status" });
  const rows = [["stays", "Kept: just sharp enough"], ["goes", "Dropped: just too blurred"]].map(([key, title]) => [key, title, thumbRow(frame, title, {})]);
  const nothing = h("p", { class: "seglib-veil" }, "Nothing is dropped yet.");
  const sides = rows.map(([key, title, { element }]) => h("div", {}, h("p", { class: "seglib-title" }, title), element, key === "goes" ? nothing : null));
  const slider = stopSlider(frame, "Drop the most blurred", () => data.cuts.map(({ stop }) => stop), bound(frame, "cut"));
  const element = h("div", { class: "seglib-view" },
    h("div", { class: "seglib-dials" }, slider.element),
    h("div", { class: "seglib-cut" }, sides),
    h("p", { class: "seglib-quiet" }, data.crop),
    status, bars.element,
    h("p", { class: "seglib-quiet" },
      h("span", { class: "seglib-band", "aria-hidden": "true" }), " what a random cut would take of the class (± two standard deviations); the line is the share of images dropped; ▲ marks a class that loses much more."));
  const show = () => {
    bars.show(cut().columns);
    write(status, cut().words);
    for (const [key, , row] of rows) row.show(cut()[key].map((one) => ({ ...one, scene: scenes[one.thumb], layer: null })));
    nothing.hidden = cut().goes.length > 0;
  };
  return { element, show };
}

// A dark veil over every other class, and a white line around the class, with a black one outside of it.
function lit(scene, place) {
  const { labels, width, height } = scene;
  const is = (x, y, here) => (x < 0 || y < 0 || x >= width || y >= height ? here : labels[y * width + x] === place);
  const color = (label, i) => {
    const [x, y, here] = [i % width, Math.floor(i / width), label === place];
    const edge = [[1, 0], [-1, 0], [0, 1], [0, -1]].some(([dx, dy]) => is(x + dx, y + dy, here) !== here);
    if (edge) return here ? 0xffffffff : 0xff000000;
    return here ? 0 : 0x60000000; // black, mostly see-through
  };
  return keep(scene, place, () => ({ fill: toImage(Uint32Array.from(labels, color), width, height), edges: null, solid: true }));
}

export default widget("Class balance", board);
