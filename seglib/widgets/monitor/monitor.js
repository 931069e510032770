// The live monitor. Words, places and lengths come from Python; the two buttons only send a request.

const SILENCE = 20; // seconds without a message, after which the card asks whether the kernel has stopped
const WAITING = { pause: "Pausing…", stop: "Stopping…", train: "Resuming…" };
const VIEWS = [["prediction", "Prediction"], ["truth", "Truth"], ["difference", "Difference"]];

async function monitor(frame) {
  const { model, watch, root } = frame;
  const charts = [0, 1].map(() => chart({ wide: 440, high: 150 }));
  const words = h("p", { class: "seglib-status" });
  const validated = h("div", { class: "seglib-validated" }, words);
  let [validations, bars, film] = [[], null, null];
  const shown = () => {
    const step = model.get("validation");
    const off = ({ number }) => Math.abs(number - step);
    return step < 0 ? validations.at(-1) : validations.reduce((best, one) => (off(one) < off(best) ? one : best));
  };

  const showNow = () => {
    const now = model.get("now");
    const at = validations.length && model.get("validation") >= 0 ? Math.min(shown().number / now.right, 1) : null;
    charts.forEach((chart, index) => chart.show(now.charts[index], at));
  };
  const showAll = frame.everyFrame(() => {
    showNow();
    validated.hidden = !validations.length;
    if (!validations.length) return;
    write(words, shown().words);
    bars.show(shown().columns);
    film?.show();
  });
  const unpackAll = async () => {
    const [data, list] = [model.get("data"), model.get("validations")];
    const scenes = !film && list.length && data.images.length ? await unpackScenes(data) : null;
    validations = await unpackValidations(list, validations);
    if (!bars && list.length) validated.append((bars = barTable(frame, data.classes, list[0].columns.map(() => 1), null)).element);
    if (scenes) validated.append((film = filmStrip(frame, scenes, () => validations, shown)).element);
    showAll();
  };
  let unpacked = Promise.resolve();
  const read = () => (unpacked = unpacked.catch(() => {}).then(unpackAll)); // one at a time: images take a while to unpack

  root.classList.add("seglib-monitor");
  root.append(head(frame), facts(frame), h("div", { class: "seglib-charts" }, charts.map(({ element }) => element)), validated, messages(frame));
  watch(["now"], frame.everyFrame(showNow));
  watch(["validation", "view", "image", "hatch"], showAll);
  watch(["validations"], () => read().catch((error) => { frame.fail(error); throw error; }));
  frame.onResize(root, showAll);
  await read();
}

// Status, progress, and the buttons. A request is sent as a message of its own: changes of traits wait in the browser
// until the kernel has reported the last one as done, which ipykernel does not while a cell awaits something.
function head(frame) {
  const { model, watch, follow } = frame;
  let asked = null; // what was pressed, until Python has received it
  const request = () => asked ?? model.get("request");
  const ask = (wanted) => {
    asked = wanted;
    show();
    model.send({ request: wanted });
  };
  const pill = h("span", { class: "seglib-pill", role: "status" });
  const progress = h("span", { class: "seglib-quiet seglib-grow" });
  const bar = h("progress", { max: 1, "aria-label": "Training" });
  const pause = button(frame, "Pause the training", "Pause", () => ask(request() === "pause" ? "train" : "pause"));
  const stop = button(frame, "Stop the training", "Stop", () => ask("stop"));
  const show = () => {
    const [wanted, is] = [request(), model.get("status")];
    const over = !["training", "paused"].includes(is);
    const met = over || ((wanted === "pause") === (is === "paused") && wanted !== "stop");
    write(pill, !met ? WAITING[wanted] : over || model.send ? capital(is) : "Saved while training");
    pill.dataset.status = met ? is : "waiting";
    const act = wanted === "pause" ? "Resume" : "Pause";
    rename(pause, act, `${act} the training`);
    pause.hidden = stop.hidden = over || !model.send; // without a kernel nothing can answer
    pause.disabled = stop.disabled = wanted === "stop";
    write(progress, model.get("now").progress);
    bar.value = model.get("now").done;
  };
  watch(["request"], () => ((asked = null), show()));
  follow(["status", "now"], show);
  return h("div", {}, h("div", { class: "seglib-bar" }, pill, progress, pause, stop), bar, silence(frame));
}

// Says so where nothing has come from Python for a while.
function silence({ model, watch, every }) {
  const line = h("p", { class: "seglib-silence", role: "status", hidden: true });
  let heard = Date.now();
  const listen = () => {
    const quiet = Math.floor((Date.now() - heard) / 1000);
    line.hidden = !model.send || model.get("status") !== "training" || quiet < SILENCE;
    if (!line.hidden) write(line, `No update for ${quiet - (quiet % 10)} s. The step may be slow, or the kernel may have stopped; if so, restart it and run this cell again.`);
  };
  every(1000, listen);
  watch(["now", "status"], () => ((heard = Date.now()), listen()));
  return line;
}

// The numbers of the last step, and what went wrong.
function facts(frame) {
  const list = h("div", { class: "seglib-facts" });
  const failure = h("p", { class: "seglib-alert", role: "alert", hidden: true });
  const tile = () => h("div", {}, h("span", { class: "seglib-fact-name" }), h("span", { class: "seglib-fact" }));
  const show = () => {
    const now = frame.model.get("now");
    while (list.children.length < now.tiles.length) list.append(tile());
    now.tiles.forEach((texts, k) => texts.forEach((text, part) => write(list.children[k].children[part], text)));
    write(failure, now.failure);
    failure.hidden = !now.failure;
  };
  frame.follow(["now"], show);
  return h("div", {}, failure, list);
}

// What the training run reported.
function messages(frame) {
  const list = h("ul", { class: "seglib-messages seglib-quiet", role: "log", "aria-label": "Messages" });
  const show = () => {
    const texts = frame.model.get("now").messages;
    list.hidden = !texts.length;
    if (list.textContent !== texts.join("")) list.replaceChildren(...texts.map((text) => h("li", {}, text)));
  };
  frame.follow(["now"], show);
  return list;
}

// The validation images as paint.js reads them, with the true labels. A label map keeps what was painted of it.
async function unpackScenes(data) {
  const entries = data.classes.map(({ name, color }, value) => ({ name, color, value }));
  entries.push({ name: "void", color: data.void, value: VOID });
  return Promise.all(data.images.map(async (image) => ({ ...(await unpackThumb(image)), entries })));
}

// Validations that were unpacked before stay, with what was painted of them.
async function unpackValidations(list, before) {
  const known = new Map(before.map((one) => [one.number, one]));
  return Promise.all(list.map(async (one) => known.get(one.number) ?? { ...one, frames: await Promise.all(one.frames.map(unpackLabels)) }));
}

function layerOf(scene, { labels }, view, hatch) {
  if (view === "difference") return keep(labels, view, () => paintDifference(scene, labels, scene.labels));
  return keep(labels, hatch, () => paintLabels(scene, labels, { outline: true, hatch }));
}

// The images at one validation, and one of them through all validations: a strip with a slider.
function filmStrip(frame, scenes, validations, shown) {
  const { model, set } = frame;
  const image = { ...bound(frame, "image"), chosen: () => Math.min(model.get("image"), scenes.length - 1) };
  const names = scenes.map((_, value) => ({ value, name: `Image ${value + 1} in the strip` }));
  const large = thumbRow(frame, "Validation images", { inputs: radios(frame, names, image).inputs });
  large.element.style.setProperty("--most", scenes.length);
  // The last validation is looked at as "the last", so that it follows the training run.
  const look = (number) => set("validation", number === validations().at(-1).number ? -1 : number);
  const small = thumbRow(frame, "", { choose: (place) => look(validations()[place].number), hidden: true, kind: "seglib-strip" });
  const stops = () => validations().map(({ number, title }) => [number, title]);
  const slider = stopSlider(frame, "Validation at step", stops, { chosen: () => shown().number, choose: look });
  const bar = h("div", { class: "seglib-bar seglib-film-bar" },
    h("span", { class: "seglib-grow seglib-title" }, "The same validation images"),
    tick(frame, "hatch", "Hatching"), choice(frame, "view", "View", VIEWS));
  const show = () => {
    const [validation, view, hatch] = [shown(), model.get("view"), model.get("hatch")];
    large.show(scenes.map((scene, index) => {
      const [{ right }, truth] = [validation.frames[index], view === "truth"];
      const words = truth ? "the truth" : `${view} after step ${validation.number}: ${right} of the pixels right`;
      return {
        scene, layer: layerOf(scene, truth ? scene : validation.frames[index], view, hatch),
        title: `image ${index + 1}, ${words}`, caption: truth ? "truth" : `${right} right`,
      };
    }));
    const scene = scenes[image.chosen()];
    small.show(validations().map((one) =>
      ({ scene, layer: layerOf(scene, one.frames[image.chosen()], "prediction", hatch), title: one.title, chosen: one === validation })));
    slider.show();
    slider.input.disabled = validations().length < 2;
  };
  return { element: h("div", {}, bar, large.element, small.element, slider.element), show };
}

export default widget("Training monitor", monitor);
