// The class-balance board. Every number, sentence and bar came with the data; here it is only decided what is shown.

async function board(frame) {
  const { model, watch } = frame;
  const data = model.get("data");
  const thumbs = await unpackThumbs(data.thumbs);
  const hasCuts = data.cuts.length > 0;
  const classes = classView(frame, data, thumbs);
  const blur = hasCuts ? blurView(frame, data, thumbs) : null;
  const views = [["classes", "Classes"], ["blur", "Blur"]];
  frame.root.classList.add("seglib-balance");
  frame.root.append(
    h("div", { class: "seglib-bar" },
      hasCuts ? choice(frame, "view", "View", views) : null,
      h("span", { class: "seglib-quiet seglib-grow" }, `${data.source}, ${data.images.toLocaleString("en")} ${data.images === 1 ? "image" : "images"}`),
      tick(frame, "hatch", "Hatching"),
      choice(frame, "axis", "Axis", [["linear", "Linear"], ["log", "Log"]])),
    classes.element);
  if (blur) frame.root.append(blur.element);
  const show = () => {
    const onBlur = hasCuts && model.get("view") === "blur";
    classes.element.hidden = onBlur;
    if (blur) blur.element.hidden = !onBlur;
    (onBlur ? blur : classes).show();
  };
  watch(["view", "axis", "selected", "scheme", "unit", "beta", "frequency", "cut"], frame.everyFrame(show));
  show();
}

// A quantity at one stop of its dial, as barTable takes it.
function column(quantity, stop, axis, more = {}) {
  const { lengths, ticks } = quantity.axes[axis];
  const at = Math.min(stop, lengths.length - 1);
  return { title: quantity.title, texts: quantity.texts[at], lengths: lengths[at], ticks, ...more };
}

// A number and its sign stay on one line.
const tell = (status, text) => write(status, text.replaceAll(" %", "\u00a0%"));

const HINTS = {
  loss: "The part of a weighted loss that the class makes, if the loss is the same in every pixel",
  beside: "Of the images with the chosen class, so many hold this one too",
};

function classView(frame, data, thumbs) {
  const { model } = frame;
  const { quantities } = data;
  const place = () => data.classes.findIndex(({ name }) => name === model.get("selected"));
  const stop = () => Math.max(0, data.settings.findIndex(({ frequency }) => frequency === model.get("frequency")));
  const way = () => (model.get("scheme") === "effective number"
    ? `effective number/${model.get("unit")}/${data.betas.indexOf(model.get("beta"))}` : model.get("scheme"));
  const counted = ["pixels", "images", ...(data.objects ? ["objects"] : [])];
  const keys = () => [...counted, `weight ${way()}`, `loss ${way()}`, `beside ${place()}`];
  const columns = () => keys().map((key) =>
    column(quantities[key], stop(), model.get("axis"), { hint: HINTS[key.split(" ")[0]] }));

  const table = barTable(frame, data.classes, columns, [...counted, 1, 1, 1].map(() => 1));
  const status = h("p", { class: "seglib-status", role: "status" });
  const row = thumbRow(6, "Images with the class");
  const absent = data.objects ? null : h("p", { class: "seglib-quiet seglib-says" }, "This data set does not know single objects.");
  const dial = rarityDial(frame, data);
  const element = h("div", { class: "seglib-view seglib-classview" },
    h("div", { class: "seglib-dials" }, dial, weighing(frame, data)), table.element, absent, status, row.element);
  const show = () => {
    const at = place();
    const { words, shown } = data.settings[stop()];
    const [weight, part] = ["weight", "loss"].map((kind) => quantities[`${kind} ${way()}`].texts[stop()][at]);
    table.show();
    tell(status, weight === "–" ? words[at] : `${words[at]} ${data.ways[way()]}: weight ${weight}, ${part} of the loss.`);
    row.show(shown[at].map(([number, share, id]) =>
      ({ thumb: thumbs[number], caption: share, label: `image ${id}: ${data.classes[at].name} ${share}` })), at);
  };
  return { element, show };
}

function blurView(frame, data, thumbs) {
  const { model } = frame;
  const stop = () => Math.max(0, data.cuts.findIndex(({ dropped }) => dropped === model.get("cut")));
  const lost = (place, { number, track, over }) => {
    const { chance, part, much, dropped } = data.cuts[stop()];
    const [from, to] = chance[place];
    over.hidden = !dropped;
    track.toggleAttribute("data-band", dropped > 0);
    for (const [name, at] of Object.entries({ from, to, part })) track.style.setProperty(`--${name}`, `${100 * at}%`);
    number.toggleAttribute("data-much", much[place]);
  };
  const columns = () => [["pixels before"], ["images before"], ["lost", { over: lost }]].map(([key, more]) =>
    column(data.quantities[key], stop(), model.get("axis"), more));
  const table = barTable(frame, data.classes, columns, [1, 1, 3]);
  const status = h("p", { class: "seglib-status", role: "status" });
  const [stays, goes] = [thumbRow(3, "Just below the cut: stays"), thumbRow(3, "Just above the cut: goes")];
  const nothing = h("p", { class: "seglib-veil" }, "Nothing goes yet.");
  const side = (title, ...parts) => h("div", {}, h("p", { class: "seglib-side-title" }, title), ...parts);
  const element = h("div", { class: "seglib-view" },
    h("div", { class: "seglib-dials" }, cutSlider(frame, data)),
    h("div", { class: "seglib-cut" }, side("Stays: just sharp enough", stays.element), side("Goes: just too blurred", goes.element, nothing)),
    h("p", { class: "seglib-quiet seglib-says" }, "The middle 96 × 96 pixels of each image: an image made small looks sharp."),
    status, table.element,
    h("p", { class: "seglib-quiet seglib-says" },
      h("span", { class: "seglib-band", "aria-hidden": "true" }), " what a cut at random would take of the class (two standard deviations); the line is the share of images that go; ▲ marks a class that loses much more."));
  const images = (list) => list.map(([number, caption, id]) => ({ thumb: thumbs[number], caption, label: `image ${id}: ${caption}` }));
  const show = () => {
    const cut = data.cuts[stop()];
    table.show();
    tell(status, cut.words);
    stays.show(images(cut.stays));
    goes.show(images(cut.goes));
    nothing.hidden = cut.goes.length > 0;
  };
  return { element, show };
}

export default widget("Class balance", board);
