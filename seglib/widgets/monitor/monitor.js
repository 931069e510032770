// The live monitor. Words, places and lengths come from Python; the two buttons only say what is wished for.

const STATUS = { training: "Training", paused: "Paused", finished: "Finished", stopped: "Stopped", failed: "Failed" };
const SILENCE = 20; // seconds without a word, after which the card asks whether the kernel has ended
const WISHES = { pause: "Pausing…", stop: "Stopping…", train: "Going on…" };

async function monitor(frame) {
  const { model, watch } = frame;
  const charts = [lineChart(false), lineChart(true)];
  const bars = classTable(frame);
  const validated = h("div", { class: "seglib-validated" }, bars.element);
  let [moments, film] = [[], null];
  const shown = () => {
    const step = model.get("moment");
    if (step < 0) return moments.at(-1);
    return moments.reduce((best, moment) => (Math.abs(moment.number - step) < Math.abs(best.number - step) ? moment : best), moments[0]);
  };

  const showNow = () => {
    const step = moments.length && model.get("moment") >= 0 ? shown().number : null;
    charts.forEach((chart, index) => chart.show(model.get("now").charts[index], step));
  };
  const showMoment = () => {
    validated.hidden = !moments.length;
    if (!moments.length) return;
    bars.show(shown());
    film?.show();
  };
  let [reading, again] = [false, false];
  const read = async () => { // one at a time: images take a while to unpack
    if (reading) return void (again = true);
    reading = true;
    try {
      do {
        again = false;
        const data = model.get("data");
        if (!film && data.images?.length) {
          film = filmStrip(frame, await unpackFilm(data), () => moments, shown);
          validated.append(filmBar(frame), film.element);
        }
        moments = await unpackMoments(model.get("moments"), moments);
      } while (again);
    } finally {
      reading = false;
    }
    showAll();
  };
  const showAll = frame.everyFrame(() => (showNow(), showMoment()));

  frame.root.classList.add("seglib-monitor");
  frame.root.append(head(frame), facts(frame), h("div", { class: "seglib-charts" }, charts.map(({ element }) => element)), validated, messages(frame));
  watch(["now"], frame.everyFrame(showNow));
  watch(["moment", "view", "image", "hatch"], showAll);
  watch(["moments"], () => read().catch((error) => { frame.fail(error); throw error; }));
  const observer = new ResizeObserver(frame.guard(() => showAll()));
  observer.observe(frame.root);
  frame.onClose(() => observer.disconnect());
  await read();
}

// Status, how far, and the buttons. A wish is sent as a message of its own: changes of traits wait in the browser until
// the kernel has reported the last one as done, and ipykernel does not report it while a cell awaits something.
function head(frame) {
  const { model, watch } = frame;
  let asked = null; // what was pressed, until Python knows
  const wished = () => asked ?? model.get("wish");
  const ask = (wish) => {
    asked = wish;
    show();
    model.send({ wish });
  };
  const pill = h("span", { class: "seglib-pill" });
  const says = h("span", { class: "seglib-quiet seglib-grow seglib-says-now" });
  const bar = h("progress", { max: 1, "aria-label": "Training" });
  const hold = button(frame, "Pause the training", "Pause", () => ask(wished() === "pause" ? "train" : "pause"));
  const stop = button(frame, "Stop the training", "Stop", () => ask("stop"));
  const status = h("span", { class: "seglib-unseen", role: "status" });
  const show = () => {
    const [wish, is] = [wished(), model.get("status")];
    const over = !["training", "paused"].includes(is);
    const met = over || (wish === "pause") === (is === "paused") && wish !== "stop";
    const words = !met ? WISHES[wish] : over || model.send ? STATUS[is] : "Saved while training";
    write(pill, words);
    write(status, words);
    pill.dataset.status = met ? is : "waiting";
    write(hold, wish === "pause" ? "Resume" : "Pause");
    label(hold, wish === "pause" ? "Resume the training" : "Pause the training");
    hold.title = hold.getAttribute("aria-label");
    hold.hidden = stop.hidden = over || !model.send; // without a kernel there is nobody to ask
    hold.disabled = stop.disabled = wish === "stop";
  };
  const silence = h("p", { class: "seglib-silence", role: "status", hidden: true });
  let heard = Date.now();
  const listen = () => {
    const quiet = Math.floor((Date.now() - heard) / 1000);
    silence.hidden = !model.send || model.get("status") !== "training" || quiet < SILENCE;
    if (!silence.hidden) write(silence, `Nothing heard for ${quiet - quiet % 10} s: a long step, or the kernel has ended. Then run the cell again.`);
  };
  const listening = setInterval(listen, 1000);
  frame.onClose(() => clearInterval(listening));
  watch(["now", "status"], () => ((heard = Date.now()), listen()));
  const tell = () => {
    const now = model.get("now");
    write(says, now.says.replace(/^(Training|Paused after|Stopped after|Failed after|Finished after)[: ]*/, ""));
    bar.value = now.done;
  };
  watch(["wish"], () => ((asked = null), show()));
  watch(["status"], show);
  watch(["now"], frame.everyFrame(tell));
  show();
  tell();
  return h("div", {}, h("div", { class: "seglib-bar" }, pill, says, hold, stop, status), bar, silence);
}

// The numbers of the last step, and what went wrong.
function facts(frame) {
  const list = h("div", { class: "seglib-facts" });
  const failure = h("p", { class: "seglib-alert", role: "alert", hidden: true });
  const values = new Map();
  const value = (name) => {
    if (!values.has(name)) {
      values.set(name, h("span", { class: "seglib-fact" }));
      list.append(h("div", {}, h("span", { class: "seglib-fact-name" }, name), values.get(name)));
    }
    return values.get(name);
  };
  const show = () => {
    const now = frame.model.get("now");
    now.tiles.forEach(([name, text]) => write(value(name), text));
    write(failure, now.failure);
    failure.hidden = !now.failure;
  };
  frame.watch(["now"], frame.everyFrame(show));
  show();
  return h("div", {}, failure, list);
}

// IoU of every class, and its share of the pixels: true above, predicted below.
function classTable(frame) {
  const { model } = frame;
  const words = h("p", { class: "seglib-status" });
  const rows = [];
  const table = h("div", { role: "table", class: "seglib-classes", "aria-label": "Classes" },
    h("div", { role: "row", class: "seglib-class-head" },
      ["Class", "IoU", "", "Share of the pixels, log scale: true, predicted", ""].map((text) => h("div", { role: "columnheader" }, text))));
  const make = (entry, place) => {
    const [iou, real, guess] = [h("span", { class: "seglib-length" }), h("span", { class: "seglib-length seglib-true" }), h("span", { class: "seglib-length" })];
    const cells = [h("div", { role: "cell" }), h("div", { role: "cell" })];
    const swatch = h("span", { class: "seglib-swatch", "aria-hidden": "true" });
    const track = (...bars) => h("div", { class: "seglib-tracks", "aria-hidden": "true" }, bars.map((bar) => h("span", {}, bar)));
    const paint = () => {
      const pattern = model.get("hatch") && entry.name !== "background" ? `url(${tile(place, entry.color)})` : "none";
      for (const part of [swatch, iou, guess]) part.style.background = `${pattern} rgb(${entry.color.join(" ")})`;
    };
    frame.watch(["hatch"], paint);
    paint();
    table.append(h("div", { role: "row", class: "seglib-class-row" },
      h("div", { role: "rowheader", class: "seglib-key", title: entry.name }, swatch, h("span", {}, entry.name)),
      track(iou), cells[0], track(real, guess), cells[1]));
    return ([ious, trues, guesses, iouText, trueText, guessText]) => {
      [[iou, ious], [real, trues], [guess, guesses]].forEach(([bar, length]) => (bar.style.width = `${100 * length}%`));
      write(cells[0], iouText);
      write(cells[1], `${trueText}, ${guessText}`);
    };
  };
  const show = (moment) => {
    if (!rows.length) rows.push(...model.get("data").classes.map(make));
    rows.forEach((fill, place) => fill(moment.rows[place]));
    write(words, moment.words);
  };
  return { element: h("div", {}, words, table), show };
}

function filmBar(frame) {
  return h("div", { class: "seglib-bar seglib-film-bar" },
    h("span", { class: "seglib-grow seglib-side-title" }, "The same validation images"),
    tick(frame, "hatch", "Hatching"),
    choice(frame, "view", "View", [["prediction", "Prediction"], ["truth", "Truth"], ["difference", "Difference"]]));
}

// What the training had to say.
function messages(frame) {
  const list = h("ul", { class: "seglib-messages seglib-quiet", role: "log", "aria-label": "Messages" });
  const show = () => {
    const said = frame.model.get("now").messages;
    list.hidden = !said.length;
    if (list.textContent !== said.join("")) list.replaceChildren(...said.map((text) => h("li", {}, text)));
  };
  frame.watch(["now"], frame.everyFrame(show));
  show();
  return list;
}

export default widget("Training monitor", monitor);
