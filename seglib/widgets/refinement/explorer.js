// The refinement explorer. Every number and sentence came with the data; here it is decided what is shown of it.

const REFINEMENT_VIEWS = [["schemes", "Schemes"], ["rounds", "Rounds"], ["rules", "Rules"]];
const SIDE = 340; // pixels of the column beside the images
const LEAST = 280; // pixels of an image's width, before the column goes below

class Pair extends Stage {
  isNarrow = (outside) => {
    const { width, height } = this.scene;
    const panel = Math.min((this.get("height") * width) / height, LEAST);
    return outside - SIDE - SIDE_GAP < 2 * panel + GAP;
  };
}

async function refinement(frame) {
  const { model, set, watch } = frame;
  const data = model.get("data");
  const scene = await unpackRefinement(data);
  const know = looking(model, data, scene);
  const kept = new Layers(scene);
  const style = () => ({ difference: model.get("difference"), hatch: model.get("hatch") });
  const boxed = (layer) => {
    if (!model.get("boxes")) return layer;
    const low = know.low();
    return { ...layer, over: kept.keep(`boxes ${low}`, () => paintBoxes(scene, data, low)) };
  };
  const left = () => {
    if (know.view() !== "rules") return layerOf(scene, scene.truth, { ...style(), difference: false });
    const shots = know.step() ? know.chain() : [know.shot()];
    const key = `rules ${model.get("round")} ${shots.length} ${know.low()}`;
    return kept.keep(key, () => paintRules(scene, lastChange(shots, data.rules), data.rules));
  };
  const shown = () => {
    const [one, other] = know.titles();
    const marks = know.view() === "rules" ? know.says() : scene.truth.words;
    return [{ title: one, words: marks, layer: boxed(left()) },
      { title: other, words: know.shot().words, layer: boxed(layerOf(scene, know.shot(), style())) }];
  };

  const says = h("p", { class: "seglib-says seglib-explains", role: "status" });
  const panels = { schemes: { element: schemeList(frame, scene), show() {} }, rounds: roundSide(frame, data), rules: ruleSide(frame, data, know) };
  const side = h("div", { class: "seglib-side seglib-wide" }, says, Object.values(panels).map(({ element }) => element));
  const stage = new Pair(frame, scene, { shown, readOut: know.readOut, side, panels: 2 });
  const film = refinementStrip(frame, data, scene, know, style);
  stage.main.append(classKey(frame, data, scene), film.element);
  const show = () => {
    const view = know.view();
    for (const [name, { element }] of Object.entries(panels)) element.hidden = name !== view;
    panels[view].show();
    write(says, know.says());
    frame.root.dataset.view = view;
    film.show();
    stage.paintNow();
  };
  watch(["view", "scheme", "round", "stage", "threshold", "difference", "boxes", "hatch"], frame.everyFrame(show));
  frame.root.classList.add("seglib-explorer", "seglib-refinement");
  frame.root.append(h("div", { class: "seglib-bar" },
    choice(frame, "view", "View", REFINEMENT_VIEWS),
    slider(frame, "opacity", { label: "Opacity", max: () => 1, step: 0.01, words: percent }),
    tick(frame, "difference", "Wrong pixels"), tick(frame, "boxes", "Boxes"), tick(frame, "hatch", "Hatching"),
    zoomButtons(frame, stage)), stage.element);
  show();
}

function roundSide(frame, { chart, rounds }) {
  const last = rounds.length - 1;
  const drawn = curve(chart, () => frame.model.get("round") / Math.max(1, last));
  const stops = rounds.map((_, number) => number);
  const words = (number) => `${number} of ${last}`;
  const element = h("div", { class: "seglib-group" }, drawn.element, ladder(frame, "round", { name: "Round", stops, words }));
  return { element, show: drawn.show };
}

function ruleSide(frame, data, know) {
  const stops = data.rounds.map((_, number) => number);
  const words = (number) => (number ? `from round ${number - 1} to round ${number}` : "round 0");
  const [rules, boxes] = [ruleList(frame, data, know), boxList(frame, data, know)];
  const dial = ladder(frame, "threshold", {
    name: "Reset below", stops: data.thresholds, words: (share) => `${(100 * share).toFixed(0)} % of what is usual`,
  });
  const element = h("div", { class: "seglib-group seglib-two" },
    h("div", { class: "seglib-group" }, ladder(frame, "round", { name: "Step", stops, words }), rules.element),
    h("div", { class: "seglib-group" }, dial, boxes.element));
  const show = () => {
    rules.show();
    boxes.show();
    dial.style.visibility = know.step() ? "" : "hidden";
  };
  return { element, show };
}

// The film strip: all schemes, all rounds, or what the rules make of one round.
function refinementStrip(frame, data, scene, know, style) {
  const { model, set } = frame;
  const kind = () => (know.view() === "rules" && !know.step() ? "rounds" : know.view());
  const items = () => ({ schemes: () => scene.schemes, rounds: () => scene.rounds, rules: () => know.whole(know.step()) })[kind()]();
  const name = (item) => {
    if (kind() === "schemes") return item.name;
    if (kind() === "rounds") return `round ${scene.rounds.indexOf(item)}`;
    return data.rules.find((rule) => rule.name === item.name).title.toLowerCase();
  };
  const chosen = (item) => (kind() === "rules" ? item.name === model.get("stage") : item === know.shot());
  const looks = (item) => ({
    scene, layers: item, style: style(), title: `${name(item)}: ${item.words}`, chosen: chosen(item), caption: `${name(item)}\nmIoU ${item.cells[0]} %`,
  });
  const choose = (place) => {
    if (kind() === "schemes") set("scheme", scene.schemes[place].name);
    else if (kind() === "rounds") set("round", place);
    else set("stage", data.stages[place]);
  };
  return strip(frame, items, looks, choose);
}

export default widget("Refinement explorer", refinement);
