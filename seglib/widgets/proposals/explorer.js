// The proposal explorer. Every number and sentence came with the data; here it is decided what is shown of it.

const EXPLORER_VIEWS = [["grouping", "Grouping"], ["proposals", "Proposals"], ["paste", "Paste"]];

async function explorer(frame) {
  const { model, watch } = frame;
  const data = model.get("data");
  const scene = await unpackProposals(data);
  const know = knowing(model, data, scene);
  const keep = keeper();
  const layers = {
    grouping: () => keep(`g${model.get("left")}`, () => paintGrouping(scene, model.get("left"))),
    proposals: () => keep(`r${know.region()} ${know.selected()}`, () => paintRegion(scene, know.region(), scene.objects[know.selected()])),
    paste: () => {
      const [painted, hatch] = [model.get("painted"), model.get("hatch")];
      return data.paste.given ? keep(`p${painted} ${hatch}`, () => paintPaste(scene, data.paste, painted, hatch)) : null;
    },
  };
  const shown = () => [{ title: know.view(), words: know.says(), layer: layers[know.view()](), bare: true }];
  const readOut = (at) => know.readOut(at, layers);
  const panels = { grouping: groupingSide(frame, data), proposals: proposalSide(frame, data, scene, know), paste: pasteSide(frame, data, scene) };
  const says = h("p", { class: "seglib-says seglib-explains", role: "status" });
  const side = h("div", { class: "seglib-side seglib-wide" }, says, Object.values(panels).map(({ element }) => element));
  const net = netRow(data, scene);
  const opacity = slider(frame, "opacity", { label: "Opacity", max: () => 1, step: 0.01, words: percent });
  const hatch = tick(frame, "hatch", "Hatching");
  const plate = new Plate(frame, scene, { shown, readOut, side });
  const show = () => {
    const view = know.view();
    for (const [name, { element }] of Object.entries(panels)) element.hidden = name !== view;
    panels[view].show();
    write(says, know.says());
    frame.root.dataset.view = view;
    opacity.style.visibility = view === "proposals" ? "hidden" : ""; // keeps its place, so that nothing jumps
    hatch.style.visibility = view === "paste" ? "" : "hidden";
    net.show(view, know.region());
    plate.paintNow();
  };
  watch(["view", "left", "number", "selected", "painted", "hatch"], frame.everyFrame(show));
  frame.root.classList.add("seglib-explorer");
  const views = choice(frame, "view", "View", EXPLORER_VIEWS);
  frame.root.append(h("div", { class: "seglib-bar" }, views, opacity, hatch, zoomButtons(frame, plate)), plate.element, net.element);
  show();
}

// What is on show, as reading.py says it.
function knowing(model, data, scene) {
  const view = () => model.get("view");
  const stop = () => Math.max(0, data.numbers.indexOf(model.get("number")));
  const selected = () => model.get("selected");
  const count = (number) => number.toLocaleString("en");
  const region = () => {
    if (view() === "paste") return model.get("painted") ? data.paste.picked[model.get("painted") - 1] : -1;
    return selected() < 0 ? data.last[stop()] : data.best[stop()][selected()];
  };
  const merge = () => {
    const [left, total] = [model.get("left"), scene.tree.total];
    if (left === 1) return "One region is left: the whole image.";
    const begin = left === total ? `${count(left)} superpixels` : `${count(left)} of ${count(total)} regions are left`;
    return `${begin}. The two with stripes merge next: similarity ${data.grouping.similarities[total - left]}.`;
  };
  const best = () => {
    const place = count(data.regions.ranks[region()]);
    if (selected() < 0) {
      const pixels = `Region ${place} of ${count(data.total)}: ${count(data.regions.areas[region()])} pixels.`;
      return scene.objects.length ? pixels : `${pixels} No objects are known here, so there is no recall.`;
    }
    const { name } = scene.objects[selected()];
    const found = data.found[stop()];
    if (!data.lengths[stop()][selected()]) return `${found} None of the first ${count(data.numbers[stop()])} touches ${name}.`;
    return `${found} Of these, region ${place} fits ${name} best: overlap ${data.overlaps[stop()][selected()]}.`;
  };
  const says = () => ({ grouping: merge, proposals: best, paste: () => data.paste.words[model.get("painted")] })[view()]();
  const readOut = ([x, y], layers) => {
    const at = y * scene.width + x;
    const what = scene.ids[at] ? scene.objects[scene.ids[at] - 1].name : "no object";
    if (view() === "grouping") return `x ${x}, y ${y} · ${regionAt(scene.tree, model.get("left"), at, count)}`;
    if (view() === "proposals" || !data.paste.given) return `x ${x}, y ${y} · ${what}`;
    return `x ${x}, y ${y} · pasted: ${scene.name(layers.paste().labels[at])} · object: ${what}`;
  };
  return { view, stop, selected, region, says, readOut };
}

function regionAt(tree, left, at, count) {
  const { labels, node } = tree.at(left);
  const pixels = labels.reduce((sum, value) => sum + (value === labels[at]), 0);
  const pieces = node.filter((value) => value === labels[at]).length;
  return `a region of ${count(pixels)} pixels, ${count(pieces)} superpixel${pieces > 1 ? "s" : ""}`;
}

function groupingSide(frame, { grouping: { counts, chart } }) {
  const { model, set } = frame;
  const stop = () => counts.indexOf(model.get("left"));
  const drawn = curve(chart, () => stop() / Math.max(1, counts.length - 1));
  const go = (step) => set("left", counts[within(stop() + step, 0, counts.length - 1)]);
  const element = h("div", { class: "seglib-group" }, drawn.element,
    ladder(frame, "left", { name: "Regions left", stops: counts, words: (left) => left.toLocaleString("en") }),
    h("div", { class: "seglib-bar" }, button(frame, "Undo the last merge", "Back", () => go(-1)),
      button(frame, "Merge the two with stripes", "Merge", () => go(1))));
  return { element, show: drawn.show };
}

function proposalSide(frame, data, scene, { stop, selected }) {
  const drawn = data.recall ? curve(data.recall, () => stop() / Math.max(1, data.numbers.length - 1)) : null;
  const list = scene.objects.length ? objectList(frame, scene, data, stop) : null;
  const key = h("div", { class: "seglib-stripe-key" },
    h("span", { class: "seglib-stripe-much", "aria-hidden": "true" }), "only in the region",
    h("span", { class: "seglib-stripe-missed", "aria-hidden": "true" }), "only in the object");
  const words = (number) => `the first ${number.toLocaleString("en")}`;
  const element = h("div", { class: "seglib-group" }, drawn?.element,
    ladder(frame, "number", { name: "Proposals looked at", stops: data.numbers, words }), list?.element, key);
  const show = () => {
    drawn?.show();
    list?.show();
    list?.mark();
    key.style.visibility = selected() < 0 ? "hidden" : "";
  };
  return { element, show };
}

function pasteSide(frame, data, scene) {
  const { picked, given } = data.paste;
  if (!given || !picked.length) return { element: h("div"), show() {} };
  const list = pasteList(frame, scene, data);
  const stops = Array.from({ length: picked.length + 1 }, (_, step) => step);
  const element = h("div", { class: "seglib-group seglib-order" },
    ladder(frame, "painted", { name: "Regions pasted", stops, words: (painted) => `${painted} of ${picked.length}` }), list.element);
  return { element, show: () => (list.show(), list.mark()) };
}

// Below the image: the crops of the region on show, and its scores.
function netRow(data, scene) {
  const crops = cropPair(scene, data);
  const scores = data.regions.classes.length ? scoreBars(data.regions, scene.entries) : null;
  const title = h("p", { class: "seglib-net-title" });
  const titled = (words, ...parts) => h("div", {}, h("p", { class: "seglib-net-title" }, words), ...parts);
  const element = h("div", { class: "seglib-net" }, h("div", {}, title, crops.element),
    scores ? titled("What each class's SVM says to it", scores.element) : null);
  const show = (view, region) => {
    element.hidden = view === "grouping" || (view === "paste" && !data.paste.picked.length);
    element.style.visibility = region < 0 ? "hidden" : "";
    if (element.hidden || region < 0) return;
    write(title, `What the net sees of region ${data.regions.ranks[region].toLocaleString("en")}`);
    crops.show(region);
    scores?.show(region);
  };
  return { element, show };
}

export default widget("Proposal explorer", explorer);
