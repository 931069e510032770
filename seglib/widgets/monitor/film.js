// The few validation images at one moment, and one of them through all moments: a strip that is scrubbed.

// The images with their classes, each as `paint.js` likes it.
async function unpackFilm(data) {
  const entries = data.classes.map(({ name, color }, value) => ({ name, color, value }));
  entries.push({ name: "void", color: data.void, value: VOID });
  return Promise.all(data.images.map(async ({ width, height, image, truth }) => ({
    width, height, entries,
    image: await createImageBitmap(new Blob([image])),
    truth: { labels: new Uint8Array(await inflate(truth)), painted: new Map() },
  })));
}

// Moments, unpacked; those that are known already stay, with what was painted of them.
async function unpackMoments(moments, before) {
  const known = new Map(before.map((moment) => [moment.number, moment]));
  return Promise.all(moments.map(async (moment) => known.get(moment.number) ?? {
    ...moment,
    frames: await Promise.all(moment.frames.map(async ({ labels, right }) =>
      ({ right, labels: new Uint8Array(await inflate(labels)), painted: new Map() }))),
  }));
}

// `shown()` is the moment that is looked at; `moments()` are all.
function filmStrip(frame, scenes, moments, shown) {
  const { model, set } = frame;
  const style = () => ({ difference: model.get("view") === "difference", hatch: model.get("hatch") });
  const of = (scene, moment, index) => (model.get("view") === "truth" ? scene.truth : moment.frames[index]);
  const group = `seglib-${Math.random().toString(36).slice(2)}`;
  const slots = scenes.map((scene, index) => {
    const canvas = still(h("canvas", { role: "img" }));
    const input = h("input", { type: "radio", name: group, "aria-label": `Image ${index + 1} in the strip` });
    frame.on(input, "change", () => set("image", index));
    const caption = h("figcaption");
    return { canvas, input, caption, element: h("figure", {}, h("label", {}, input, canvas), caption) };
  });
  const scrub = scrubber(frame, moments, shown);
  const small = strip(frame, moments, (moment) => ({
    scene: scenes[chosen()], layers: moment.frames[chosen()], title: moment.title, chosen: moment === shown(),
    style: { difference: false, hatch: model.get("hatch") },
  }), (place) => look(frame, moments(), place));
  const element = h("div", { class: "seglib-film" },
    h("div", { class: "seglib-images", role: "radiogroup", "aria-label": "Validation images", style: `--most: ${scenes.length}` },
      slots.map(({ element }) => element)),
    small.element, scrub.element);
  const chosen = () => Math.min(model.get("image"), scenes.length - 1);

  const show = () => {
    const moment = shown();
    slots.forEach(({ canvas, input, caption }, index) => {
      paintFrame(canvas, scenes[index], of(scenes[index], moment, index), style());
      const { right } = moment.frames[index];
      write(caption, model.get("view") === "truth" ? "truth" : `${right} right`);
      label(canvas, model.get("view") === "truth" ? `image ${index + 1}, the truth`
        : `image ${index + 1}, ${model.get("view")} after step ${moment.number}: ${right} of the pixels right`);
      input.checked = index === chosen();
    });
    small.show();
    scrub.show();
  };
  return { element, show };
}

// The last moment is looked at as "the last", so that it follows the training.
const look = (frame, moments, place) => frame.set("moment", place >= moments.length - 1 ? -1 : moments[place].number);

function scrubber(frame, moments, shown) {
  const input = h("input", { type: "range", min: 0, step: 1, "aria-label": "Moment" });
  const words = h("output", { class: "seglib-value", "aria-hidden": "true" });
  const show = () => {
    input.max = moments().length - 1;
    input.value = moments().indexOf(shown());
    input.disabled = moments().length < 2;
    write(words, shown().title);
    input.setAttribute("aria-valuetext", shown().title);
  };
  frame.on(input, "input", () => look(frame, moments(), input.valueAsNumber));
  const element = h("label", { class: "seglib-slider seglib-scrubber" }, h("span", {}, "Moment"), input, words);
  return { element, show };
}
