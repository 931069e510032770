// The lists of the refinement explorer: schemes with their measures, rules with what they change, boxes with the dial.

const MEASURES = ["mIoU", "Boundary IoU", "ignored", "mIoU of the rest"];
const value = (...content) => h("span", { class: "seglib-value" }, ...content);

function schemeList(frame, scene) {
  const rows = scene.schemes.map(({ name, cells }) => ({
    value: name,
    title: `${name}: ${cells.map((text, k) => `${MEASURES[k]} ${text}`).join(", ")}`,
    cells: [h("span", { class: "seglib-pick-name", title: name }, name), ...cells.map((text) => value(text))],
  }));
  const list = pickList(frame, "scheme", "Scheme", rows);
  const head = h("div", { class: "seglib-pick-head", "aria-hidden": "true" }, h("span", {}, "%"), ...MEASURES.map((text) => value(text)));
  return h("div", { class: "seglib-group seglib-measured" }, head, list.element);
}

// The rules in their order, with how many pixels each changes and the measures of the label after it.
function ruleList(frame, data, know) {
  const parts = data.stages.map(() => ({ count: value(), iou: value(), rim: value() }));
  const rows = data.stages.map((name, k) => {
    const place = data.rules.findIndex((rule) => rule.name === name);
    const { title, color } = data.rules[place];
    const swatch = h("canvas", SWATCH);
    if (place) paintSwatch(swatch, (x, y) => (onStripe(place, x, y) ? inked(color) : color));
    swatch.style.visibility = place ? "" : "hidden";
    swatch.removeAttribute("data-lm-suppress-shortcuts"); // it takes no focus
    const cells = [h("span", { class: "seglib-pick-name" }, title), parts[k].count, parts[k].iou, parts[k].rim];
    return { value: name, title, swatch, cells };
  });
  const list = pickList(frame, "stage", "Rule", rows);
  const head = h("div", { class: "seglib-pick-head", "aria-hidden": "true" },
    h("span", {}, "Rule"), value("pixels changed"), value("mIoU %"), value("Boundary IoU %"));
  const show = () => {
    const step = know.step();
    element.style.visibility = step ? "" : "hidden";
    if (!step) return;
    const { counts } = know.outcome(step);
    know.whole(step).forEach(({ cells }, k) => {
      write(parts[k].count, counts[k] ?? "");
      write(parts[k].iou, cells[0]);
      write(parts[k].rim, cells[1]);
      const changed = counts[k] === null ? "" : ` changes ${counts[k]} pixels;`;
      label(list.inputs[k], `${rows[k].title}:${changed} mIoU ${cells[0]}, Boundary IoU ${cells[1]}`);
    });
  };
  const element = h("div", { class: "seglib-group seglib-rules" }, head, list.element);
  return { element, show };
}

// How much of each box is filled, what is usual, and below what it is filled again: that mark moves with the dial.
function boxList(frame, data, know) {
  const rows = data.boxes.map(({ name, color }) => {
    const bar = h("span", { style: `background: rgb(${color.join(" ")})` });
    const track = h("span", { class: "seglib-fill-track", "aria-hidden": "true" }, bar);
    const [number, fate] = [value(), h("span", { class: "seglib-fate" })];
    return { bar, track, number, fate, element: h("div", { role: "listitem", class: "seglib-fill" }, h("span", { class: "seglib-pick-name", title: name }, name), track, number, fate) };
  });
  const list = h("div", { class: "seglib-fills", role: "list", "aria-label": "Boxes", tabindex: rows.length > 6 ? "0" : false }, rows.map(({ element }) => element));
  if (rows.length > 6) list.dataset.lmSuppressShortcuts = "true"; // it can be scrolled by keyboard
  const key = h("p", { class: "seglib-fill-key", "aria-hidden": "true" },
    h("span", { class: "seglib-key-usual" }, "what its class usually fills"), h("span", { class: "seglib-key-least" }, "below this it is reset"));
  const element = h("div", { class: "seglib-group" }, h("span", { class: "seglib-title" }, "How much of its box the class fills"), list, key);
  const show = () => {
    const step = know.step();
    element.hidden = !step || !rows.length;
    if (element.hidden) return;
    const { boxes } = know.outcome(step);
    rows.forEach(({ bar, track, number, fate, element: line }, k) => {
      const { usual } = data.boxes[k];
      bar.style.width = `${100 * step.fills[k]}%`;
      track.style.setProperty("--usual", `${100 * usual}%`);
      track.style.setProperty("--least", `${100 * usual * frame.model.get("threshold")}%`);
      write(number, `${step.texts[k][0]}, usual ${step.texts[k][1]}`);
      line.toggleAttribute("data-reset", boxes.includes(k));
      write(fate, boxes.includes(k) ? "reset" : "kept");
    });
  };
  return { element, show };
}

// The colours on show: classes that have a box or are true somewhere, and what is ignored.
function classKey(frame, data, scene) {
  const { shares } = scene.maps[0];
  const used = new Set(data.boxes.map(({ color }) => `${color}`));
  const shown = scene.entries.filter(({ name, color, place }) => name === "void" || (name !== "background" && (shares[place] > 0 || used.has(`${color}`))));
  const parts = shown.map(({ name, color, value: index }) => {
    const swatch = h("canvas", SWATCH);
    swatch.removeAttribute("data-lm-suppress-shortcuts"); // it takes no focus
    const paint = () => {
      const ink = frame.model.get("hatch") ? inked(color) : color;
      paintSwatch(swatch, (x, y) => (onStripe(index, x, y) ? ink : color));
    };
    frame.watch(["hatch"], paint);
    paint();
    return h("span", { class: "seglib-key" }, swatch, name === "void" ? "void, ignored" : name);
  });
  return h("div", { class: "seglib-class-key" }, parts);
}
