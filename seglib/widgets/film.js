// A film: views, each with reels, each with a frame at every stop of a slider. Every label map, number and sentence came
// with the model; here it is decided what is shown of it. See film.py, which says what the parts are.

const CHOOSES = "Arrow keys choose another object, Escape none. Plus and minus zoom, 0 shows all.";
const CLICK_HINT = "Click an object, or press the arrow keys on the image.";
const CLICK = 4; // CSS pixels: a pointer that moved less has clicked, not dragged

async function unpackFilm(data) {
  const film = JSON.parse(new TextDecoder().decode(await inflate(data.film)));
  const numbers = async (packed) => {
    const buffer = packed && (await inflate(packed.labels));
    return buffer && { width: packed.width, all: packed.bytes === 1 ? new Uint8Array(buffer) : new Uint16Array(buffer) };
  };
  const maps = (await Promise.all(data.maps.map(numbers))).map(({ all }) => all);
  const values = await Promise.all(data.values.map(numbers)); // for each map a table: a row a piece, a column a panel
  for (const palette of film.palettes) {
    palette.entries = palette.entries.map(([value, name, color]) =>
      ({ value, name, color, clear: value === palette.clear, hatch: palette.grey || palette.hatched.includes(value) }));
    palette.names = new Map(palette.entries.map(({ value, name }) => [value, name]));
  }
  const scene = { ...data, image: await createImageBitmap(new Blob([data.image])) };
  return { ...film, maps, values, charts: data.charts, crops: data.crops, scene };
}

// What is on show, and how to get to something else.
function projector({ model }, film) {
  const seen = new Map(); // view -> its reel and stop when it was on show last
  const view = () => film.views.find(({ name }) => name === model.get("view"));
  const reel = () => view().reels[model.get("reel")] ?? view().reels[0];
  const at = () => Math.min(model.get("at"), reel().frames.length - 1);
  const frame = () => film.frames[reel().frames[at()]];
  const set = (next) => {
    Object.entries(next).forEach(([trait, value]) => model.set(trait, value));
    model.save_changes(); // all three at once: each alone may not fit the others
  };
  const go = (change) => {
    const next = { view: model.get("view"), reel: model.get("reel"), at: at(), ...change };
    set(next.at < view().reels[next.reel].frames.length ? next : { ...next, at: 0 });
  };
  const turnTo = (name) => {
    seen.set(model.get("view"), { reel: model.get("reel"), at: at() });
    const [first] = film.views.find((one) => one.name === name).reels;
    set({ view: name, reel: 0, at: first.begin, ...seen.get(name) });
  };
  return { view, reel, at, frame, go, turnTo };
}

// Label maps as arrays, and as layers; the last few are kept.
function lab(film, { model }) {
  const pixels = ({ map, values }) => {
    if (values === null) return film.maps[map];
    const { width, all } = film.values[map];
    return keep(film, `values ${map} ${values}`, () => Uint16Array.from(film.maps[map], (piece) => all[piece * width + values]));
  };
  const paint = (panel) => {
    const { entries, grey } = film.palettes[panel.palette];
    if (panel.truth !== null && model.get("difference")) {
      return paintDifference(film.scene, pixels(panel), film.maps[panel.truth]);
    }
    const layer = paintLabels({ ...film.scene, entries }, pixels(panel), { outline: !grey, hatch: model.get("hatch") });
    return grey ? { ...layer, solid: true, under: keep(film.scene, "dimmed", () => dimmed(film.scene)) } : layer;
  };
  const layer = (panel) => {
    const { map, values, palette, truth } = panel;
    return keep(film, `${[map, values, palette, truth !== null && model.get("difference"), model.get("hatch")]}`, () => paint(panel));
  };
  const name = (panel, at) => film.palettes[panel.palette].names.get(pixels(panel)[at]);
  return { layer, name };
}

// The images. Where the view has targets, a click and the arrow keys choose a reel.
class Screen extends Stage {
  constructor(frame, film, show, options) {
    super(frame, film.scene, options);
    this.show = show;
    this.targets = () => film.maps[show.view().targets];
    for (const { canvas } of this.panels) {
      let down = null;
      frame.on(canvas, "pointerdown", (event) => (down = [event.clientX, event.clientY]));
      frame.on(canvas, "click", (event) => {
        const moved = down ? Math.hypot(event.clientX - down[0], event.clientY - down[1]) : 0;
        if (this.targets() && moved < CLICK) this.chooseAt(this.spot(event));
      });
    }
  }

  chooseAt([x, y]) {
    const { width, height } = this.scene;
    const number = this.targets()[within(Math.floor(y), 0, height - 1) * width + within(Math.floor(x), 0, width - 1)];
    if (number) this.show.go({ reel: number - 1 });
  }

  step(way, pixels) {
    if (!this.targets()) return super.step(way, pixels);
    const objects = this.show.view().reels.length - 1; // the last reel is that of no object
    const reel = this.get("reel");
    this.show.go({ reel: reel === objects && way[0] + way[1] > 0 ? 0 : (reel + way[0] + way[1] + objects) % objects });
  }

  press(event) {
    if (event.key === "Escape" && this.targets()) this.show.go({ reel: this.show.view().reels.length - 1 });
    super.press(event);
  }

  paintNow() {
    super.paintNow();
    for (const { canvas } of this.panels) canvas.setAttribute("aria-description", this.targets() ? CHOOSES : HELP);
    if (!this.cursor && this.targets()) write(this.words, this.hint(CLICK_HINT));
  }
}

// The parts of a row, see `Row` in film.py; in a table they have its roles.
function rowParts([name, texts, bar, color, marks, strong], inTable = false) {
  const role = (kind) => (inTable ? kind : null);
  const track = bar && h("span", { class: "seglib-track", "aria-hidden": "true" },
    h("span", { style: `left: ${100 * Math.min(...bar)}%; width: ${100 * Math.abs(bar[1] - bar[0])}%; ${color ? `background: rgb(${color.join(" ")})` : ""}` }),
    marks.map((place) => h("i", { style: `left: ${100 * place}%` })));
  return [
    color && !inTable ? colorSwatch(color) : null,
    h("span", { class: "seglib-name", role: role("rowheader"), title: name, "data-strong": strong }, name),
    track,
    texts.map((text) => h("span", { class: "seglib-value", role: role("cell") }, text)),
  ].flat().filter(Boolean);
}

const headRow = (heads, role = null) =>
  h("div", { class: "seglib-item seglib-heads", role: role && "row", "aria-hidden": role ? null : "true" },
    heads.map((text, k) => h("span", { class: k ? "seglib-value" : "seglib-name", role }, text)));

function numberTable(view) {
  const element = h("div", { class: "seglib-numbers", role: "table", "aria-label": view.table });
  const show = (rows) => {
    const [[, texts, bar] = [, [], null]] = rows;
    element.style.gridTemplateColumns = `${bar ? "minmax(0, auto) minmax(48px, 1fr)" : "1fr"} repeat(${texts.length}, auto)`;
    element.toggleAttribute("data-bars", bar !== null);
    element.replaceChildren(...(view.heads.length ? [headRow(view.heads, "columnheader")] : []),
      ...rows.map((row) => h("div", { class: "seglib-item", role: "row", "data-strong": row[5] }, rowParts(row, true))));
  };
  return { element, show };
}

// A list whose rows change with what is on show.
function changingList(frame, name, count, bind, rowAt) {
  const holders = Array.from({ length: count }, () => h("span", { class: "seglib-item" }));
  const list = pickList(frame, name, holders.map((parts, value) => ({ value, name: "", parts })), bind);
  const show = () => {
    holders.forEach((holder, k) => {
      const row = rowAt(k);
      holder.replaceChildren(...rowParts(row));
      label(list.inputs[k], [row[0], ...row[1]].join(", "));
      list.elements[k].toggleAttribute("data-waits", k > bind.chosen() && Boolean(bind.waits));
    });
    list.show();
  };
  return { element: list.element, show };
}

// What stands next to the images in one view.
function viewSide(frame, film, show, view) {
  const reels = view.reels.length > 1 || view.reels[0].rows.length ? reelChoice(frame, film, show, view) : null;
  const drawn = view.reels.some(({ chart }) => chart !== null) ? chart() : null;
  const go = (at) => show.go({ at: within(at, 0, show.reel().stops.length - 1) });
  const slider = view.slider ? stopSlider(frame, view.slider, () => show.reel().stops.map((text, k) => [k, text]), { chosen: show.at, choose: go }) : null;
  const holder = view.list ? h("div") : null;
  let [listed, list] = [null, null];
  const stopList = () => {
    const reel = show.reel();
    const rows = reel.frames.map((_, k) => k).filter((k) => film.frames[reel.frames[k]].row);
    if (listed === reel) return list?.show();
    listed = reel;
    const bind = { chosen: () => rows.indexOf(show.at()), choose: (k) => go(rows[k]), waits: view.slider };
    list = rows.length ? changingList(frame, view.list, rows.length, bind, (k) => film.frames[reel.frames[rows[k]]].row) : null;
    holder.replaceChildren(...(list ? [view.list_heads.length ? headRow(view.list_heads) : "", list.element] : []));
    list?.show();
  };
  const numbers = view.table ? numberTable(view) : null;
  const element = h("div", { class: "seglib-group" },
    view.reels[0].rows.length ? null : reels?.element, drawn?.element, slider?.element,
    view.reels[0].rows.length ? reels?.element : null, holder, view.below ? null : numbers?.element,
    view.note ? h("p", { class: "seglib-quiet" }, view.note) : null);
  const refresh = () => {
    const { chart: place, stops } = show.reel();
    if (drawn && place !== null) drawn.show(film.charts[place], show.at() / Math.max(1, stops.length - 1));
    reels?.show();
    slider?.show();
    if (slider) slider.element.hidden = stops.length < 2;
    if (holder) stopList();
    numbers?.show(show.frame().numbers);
  };
  return { element, numbers: view.below ? numbers?.element : null, show: refresh };
}

// The choice of reels: a list where each has something to say at a stop, else buttons.
function reelChoice(frame, film, show, view) {
  const bind = { chosen: () => show.view().reels.indexOf(show.reel()), choose: (reel) => show.go({ reel: Number(reel) }) };
  if (view.reels[0].rows.length) {
    return changingList(frame, view.choice, view.reels.length, bind, (k) => view.reels[k].rows[show.at()] ?? [view.reels[k].name, [], null, null, [], false]);
  }
  return segmented(frame, view.choice, view.reels.map(({ name }, value) => [value, name]), bind);
}

// The colours on show that have to be explained.
function keyRow(frame, film) {
  const element = h("div", { class: "seglib-colors" });
  let before = "";
  const show = (panels) => {
    const hatch = frame.model.get("hatch");
    const palettes = [...new Set(panels.map(({ palette }) => film.palettes[palette]))];
    const entries = palettes.flatMap(({ key, entries: all }) => all.filter(({ value }) => key.includes(value)));
    const now = JSON.stringify([hatch, entries]);
    if (now === before) return;
    before = now;
    element.replaceChildren(...entries.map((entry) => h("span", { class: "seglib-key" }, swatch(classPaint(entry, hatch)), entry.name)));
  };
  return { element, show };
}

// Below the images: the crops of a frame, and the table that belongs to them.
function cropRow(frame, film, tables) {
  const [heading, crops] = [h("p", { class: "seglib-heading" }), h("div", { class: "seglib-crops" })];
  const element = h("div", { class: "seglib-below" }, h("div", {}, heading, crops), tables);
  const urls = film.crops.map((crop) => URL.createObjectURL(new Blob([crop])));
  frame.onClose(() => urls.forEach((one) => URL.revokeObjectURL(one)));
  const show = ({ heading: words, crops: shown }) => {
    element.hidden = !film.crops.length || (!shown.length && !words);
    write(heading, words);
    crops.replaceChildren(...shown.map(([title, alt, k]) => h("figure", {}, h("img", { src: urls[k], alt, width: 128, height: 128 }), h("figcaption", {}, title))));
  };
  return { element, show };
}

async function showFilm(frame) {
  const { model, watch } = frame;
  const film = await unpackFilm(model.get("data"));
  frame.onClose(() => film.scene.image.close());
  const show = projector(frame, film);
  const { layer, name } = lab(film, frame);
  const panels = () => show.frame().panels.map((k) => film.panels[k]);
  const shown = () => panels().map((panel) => ({
    title: panel.title, words: panel.words || show.frame().words, layer: layer(panel), bare: panels().length < 2,
    boxes: model.get("show_boxes") ? show.frame().boxes : null,
  }));
  const readOut = ([x, y]) => [pixelWords(film.scene, x, y), ...show.frame().reads.map((k) => {
    const panel = film.panels[k];
    return `${panel.title}: ${name(panel, y * film.scene.width + x)}`;
  })].join(" · ");

  const says = h("p", { class: "seglib-says", role: "status" });
  const sides = new Map(film.views.map((view) => [view.name, viewSide(frame, film, show, view)]));
  const side = h("div", { class: "seglib-side" }, says, [...sides.values()].map(({ element }) => element));
  const most = Math.max(...film.frames.map((one) => one.panels.length));
  const screen = new Screen(frame, film, show, { shown, readOut, side, panels: most });
  const key = keyRow(frame, film);
  const strip = film.frames.some(({ caption }) => caption)
    ? thumbRow(frame, "", { choose: (at) => show.go({ at }), hidden: true, kind: "seglib-strip" }) : null;
  screen.main.append(key.element, strip?.element ?? "");
  const crops = cropRow(frame, film, [...sides.values()].map(({ numbers }) => numbers));

  const showStrip = () => {
    const frames = show.reel().frames.map((k) => film.frames[k]);
    strip.element.hidden = !frames[0].caption;
    if (!strip.element.hidden) strip.show(frames.map(({ panels: all, caption }, at) =>
      ({ scene: film.scene, layer: layer(film.panels[all.at(-1)]), title: caption, caption, chosen: at === show.at() })));
  };
  const refresh = () => {
    for (const [view, { element, numbers }] of sides) {
      element.hidden = view !== show.view().name;
      if (numbers) numbers.hidden = element.hidden || !show.frame().numbers.length;
    }
    sides.get(show.view().name).show();
    write(says, show.frame().words);
    key.show(panels());
    crops.show(show.frame());
    if (strip) showStrip();
    if (screen.grid.children.length === panels().length) screen.paintNow();
    else screen.layout();
  };
  watch(["view", "reel", "at", "hatch", "difference", "show_boxes"], frame.everyFrame(refresh));
  frame.root.classList.add("seglib-film");
  const bind = { chosen: () => show.view().name, choose: show.turnTo, watch: (act) => watch(["view"], act) };
  const names = film.views.map(({ name }) => [name, capital(name)]);
  const views = names.length > 1 ? segmented(frame, "View", names, bind).element : null;
  const has = (test) => film.frames.some(test);
  frame.root.append(h("div", { class: "seglib-bar" }, views,
    opacitySlider(frame),
    has((one) => one.panels.some((k) => film.panels[k].truth !== null)) ? tick(frame, "difference", "Wrong pixels") : null,
    has((one) => one.boxes.length) ? tick(frame, "show_boxes", "Boxes") : null,
    tick(frame, "hatch", "Hatching"), zoomButtons(frame, screen)), screen.element, crops.element);
  refresh();
}
