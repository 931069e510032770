// Small images with a layer over each: a film strip, or a row of examples.

const thumbShown = new WeakMap(); // canvas -> what it shows: to paint it again would take time from a training run

// What was sent, with the image and the labels unpacked.
async function unpackThumb(thumb) {
  const labels = thumb.labels && new Uint8Array(await inflate(thumb.labels));
  return { ...thumb, labels, image: await createImageBitmap(new Blob([thumb.image])) };
}

// `layer` is one of paint.js, or null. A thumbnail has a whole number of canvas pixels for each of its image.
function paintThumb(canvas, { image, width, height }, layer) {
  const scale = Math.max(1, Math.ceil((canvas.clientWidth * devicePixelRatio) / width));
  const before = thumbShown.get(canvas);
  if (before?.image === image && before.layer === layer && before.scale === scale) return;
  Object.assign(canvas, { width: width * scale, height: height * scale });
  drawLayers(canvas, { scale, left: 0, top: 0 }, image, layer, 0.6);
  thumbShown.set(canvas, { image, layer, scale });
}

// A row of thumbnails. Its `show` takes a list of { scene, layer, title, caption, chosen }. One that is clicked is given
// to `choose(place)`. `inputs` are radio buttons that do the same by keyboard; where there are none but a slider next to
// the row, it is `hidden` from screen readers.
function thumbRow(frame, name, { choose, inputs, hidden = false, kind = "" }) {
  const cells = [];
  const role = inputs ? "radiogroup" : "group";
  const element = h("div", { class: `seglib-thumbs ${kind}`, ...(hidden ? { "aria-hidden": "true" } : { role, "aria-label": name }) });
  const cell = (place) => {
    const [canvas, caption] = [h("canvas", { role: "img" }), h("figcaption")];
    if (choose) frame.on(canvas, "click", () => choose(place));
    const image = inputs ? h("label", {}, inputs[place], canvas) : canvas;
    return { canvas, caption, figure: h("figure", {}, image, caption) };
  };
  const show = (items) => {
    while (cells.length < items.length) cells.push(cell(cells.length));
    while (element.children.length > items.length) element.lastChild.remove();
    element.append(...cells.slice(element.children.length, items.length).map(({ figure }) => figure));
    items.forEach(({ scene, layer, title, chosen, caption: words = "" }, place) => {
      const { canvas, caption, figure } = cells[place];
      canvas.title = title;
      label(canvas, title);
      write(caption, words);
      figure.toggleAttribute("data-chosen", Boolean(chosen));
      paintThumb(canvas, scene, layer);
    });
  };
  return { element, show };
}
