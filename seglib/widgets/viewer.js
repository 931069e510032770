// The mask viewer: which panels are on show, the toolbar and the legend. All state is in the model's traits.

const MODES = [["overlay", "Overlay"], ["side by side", "Side by side"], ["difference", "Difference"]];

async function viewer(frame) {
  const { model, watch } = frame;
  const scene = await unpack(model.get("data"));
  const { maps } = scene;
  const several = maps.length > 1;
  const style = () => ({ visible: model.get("visible"), outline: model.get("outline"), hatch: model.get("hatch") });
  const painted = ({ name, labels }) => keep(scene, JSON.stringify([name, style()]), () => paintLabels(scene, labels, style()));

  // The panels on show: { title, words, layer } and, where it is one label map, `map`; in a difference, `verdicts`.
  const chosen = () => Math.max(0, maps.findIndex(({ name }) => name === model.get("layer")));
  const labels = (map) => ({ title: map.name, words: map.words, layer: painted(map), map });
  const image = { title: "image", words: "without labels", layer: null };
  const panels = {
    overlay: () => [{ ...labels(maps[chosen()]), bare: true }],
    "side by side": () => (several ? maps.map(labels) : [image, labels(maps[0])]),
    difference: () => [difference(maps[chosen() || 1], maps[0])], // the first map is the truth, and is never judged
  };
  const difference = (map, truth) => {
    const words = Object.entries(map.verdicts).map(([verdict, share]) => `${share} ${verdict}`).join(", ");
    const layer = keep(map, "difference", () => paintDifference(scene, map.labels, truth.labels));
    return { title: `${map.name} against ${truth.name}`, words, layer, verdicts: map.verdicts };
  };
  const shown = () => panels[model.get("mode")]();

  const readOut = ([x, y]) => {
    const at = y * scene.width + x;
    const parts = maps.map(({ name, labels }) => `${name}: ${scene.name(labels[at])}`);
    if (scene.instances) parts.push(scene.instances[at] ? `object ${scene.instances[at]}` : "no object");
    return [pixelWords(scene, x, y), ...parts].join(" · ");
  };
  const paintControls = h("div", { class: "seglib-group" },
    opacitySlider(frame),
    h("div", { class: "seglib-bar" }, tick(frame, "outline", "Outline"), tick(frame, "hatch", "Hatching")));
  const layer = several ? choice(frame, "layer", "Labels", maps.map(({ name }) => [name, name])) : null;
  frame.follow(["mode"], () => {
    const mode = model.get("mode");
    paintControls.hidden = mode === "difference";
    if (layer) layer.hidden = mode === "side by side" || (mode === "difference" && maps.length === 2);
  });

  const side = h("div", { class: "seglib-side" }, paintControls, legend(frame, scene, shown));
  const stage = new Stage(frame, scene, { shown, readOut, side, panels: Math.max(2, maps.length) });
  watch(["visible", "outline", "hatch"], stage.paint);
  watch(["mode", "layer"], () => stage.layout());
  const modes = choice(frame, "mode", "View", several ? MODES : MODES.slice(0, 2));
  frame.root.append(h("div", { class: "seglib-bar" }, modes, layer, zoomButtons(frame, stage)), stage.element);
}

export default widget("Mask viewer", viewer);
