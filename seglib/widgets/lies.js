// The metric lie detector: a slider drags a lie, the bars show which score notices.
// Every lie in every size came with the data, already judged; nothing is computed here.

const NAMES = { erode: "Erode", dilate: "Dilate", shift: "Shift", blur: "Blur", drop: "Drop a class", swap: "Swap two" };

async function detector(frame) {
  const { model, watch, set } = frame;
  const data = model.get("data");
  const scene = await unpack(data);
  const lies = await Promise.all(data.lies.map(async (lie) => ({ ...lie, steps: await Promise.all(lie.steps.map(unpackLabels)) })));
  const truth = scene.maps[0];

  const lie = () => lies.find(({ name }) => name === model.get("lie"));
  const step = () => lie().steps[Math.min(model.get("step"), lie().steps.length - 1)];
  const layers = new Layers(scene);
  const style = { visible: scene.entries.map(({ name }) => name), outline: true, hatch: false };
  const shown = () => {
    const words = `the lie ${model.get("lie")}, ${step().words}; the truth is ${truth.words}`;
    const { labels } = step();
    const difference = model.get("mode") === "difference";
    const layer = difference ? layers.difference(labels, truth.labels) : layers.labels(labels, style);
    return [{ title: "prediction", words, layer, bare: true }];
  };
  const readOut = ([x, y]) => {
    const at = y * scene.width + x;
    return `x ${x}, y ${y} · truth: ${scene.name(truth.labels[at])} · prediction: ${scene.name(step().labels[at])}`;
  };
  const side = h("div", { class: "seglib-side seglib-wide" },
    choice(frame, "lie", "Lie", lies.map(({ name }) => [name, NAMES[name]])),
    lieSlider(frame, lie, step),
    scoreTable(frame, data.scores, lies[0].steps[0].scores, step));
  const stage = new Stage(frame, scene, { shown, readOut, side, panels: 1 });
  watch(["lie"], () => model.get("step") >= lie().steps.length && set("step", 0));
  watch(["lie", "step", "mode"], stage.paint);

  const modes = choice(frame, "mode", "View", [["overlay", "Overlay"], ["difference", "Difference"]]);
  const halved = data.stride > 1 ? h("span", { class: "seglib-quiet" }, `every ${data.stride}th pixel of the image`) : null;
  frame.root.append(h("div", { class: "seglib-bar" }, modes, halved, zoomButtons(frame, stage)), stage.element);
}

// The slider has as many stops as the lie has sizes.
function lieSlider(frame, lie, step) {
  const last = () => lie().steps.length - 1;
  const control = slider(frame, "step", { label: "How much", max: last, step: 1, words: () => step().words, also: ["lie"] });
  const says = h("p", { class: "seglib-says seglib-quiet" });
  const show = () => (says.textContent = lie().says);
  frame.watch(["lie"], show);
  show();
  return h("div", { class: "seglib-lie" }, control, says);
}

// Bars with numbers, and how far each score is from what the truth itself would get.
function scoreTable(frame, names, honest, step) {
  const rows = names.map((name) => scoreRow(name));
  const scoreRows = rows.map(({ element }) => element);
  const scores = h("div", { class: "seglib-scores" }, table(2, row("columnheader", "Score", "%", "Change"), ...scoreRows));
  const verdict = h("output", { class: "seglib-verdict", role: "status" });
  const reveal = button(frame, "Show the scores", "Show the scores", () => frame.set("hidden", false));
  const veil = h("div", { class: "seglib-veil" }, h("p", {}, "Guess first: which score notices this lie least, and which most?"), reveal);
  const show = () => {
    const told = step().scores;
    rows.forEach(({ fill }, index) => fill(told[index], honest[index]));
    verdict.textContent = summary(names, told, honest);
    veil.hidden = !frame.model.get("hidden");
    scores.hidden = verdict.hidden = frame.model.get("hidden");
  };
  frame.watch(["lie", "step", "hidden"], show);
  show();
  return h("div", {}, veil, scores, verdict);
}

function scoreRow(name) {
  const bar = h("span");
  const [number, change] = [h("span"), h("span")];
  const track = h("span", { class: "seglib-track", "aria-hidden": "true" }, bar);
  const element = row("rowheader", h("div", {}, name, track), number, change);
  const fill = (score, before) => {
    bar.style.width = `${100 * (score ?? 0)}%`;
    number.textContent = score === null ? "–" : (100 * score).toFixed(1);
    change.textContent = score === null || before === null ? "–" : signed(100 * (score - before));
  };
  return { element, fill };
}

const signed = (value) => (Math.abs(value) < 0.05 ? "0.0" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`);

function summary(names, scores, honest) {
  const falls = names.map((name, index) => ({ name, fall: honest[index] - scores[index] })).filter(({ fall }) => !Number.isNaN(fall));
  falls.sort((a, b) => b.fall - a.fall);
  const [most, least] = [falls[0], falls.at(-1)];
  if (!(most?.fall > 0.0005)) return "No score has noticed anything.";
  return `${most.name} notices most (${signed(-100 * most.fall)}), ${least.name} least (${signed(-100 * least.fall)}).`;
}

export default widget("Metric lie detector", detector);
