// Small images in a row, each with a label map over it: a film strip.

// What lies over an image: a frame or the truth, painted once in each style. A frame may be `judged` by a truth of its own.
function layerOf(scene, frame, { difference, hatch }) {
  const key = `${difference} ${hatch}`;
  if (!frame.painted.has(key)) {
    scene.pixels ??= pixelsOf(scene);
    const style = { visible: scene.entries.map(({ name }) => name), outline: true, hatch };
    frame.painted.set(key, difference
      ? paintDifference(scene, scene.pixels, frame.labels, frame.judged ?? scene.truth.labels) : paintLabels(scene, frame.labels, style));
  }
  return frame.painted.get(key);
}

const shownOn = new WeakMap(); // canvas -> what it shows: to paint it again would take time from a training

function paintFrame(canvas, scene, frame, style) {
  const scale = Math.max(1, Math.ceil(canvas.clientWidth / scene.width));
  const [image, layer] = [scene.image, frame && layerOf(scene, frame, style)];
  const before = shownOn.get(canvas);
  if (before?.image === image && before.layer === layer && before.scale === scale) return;
  Object.assign(canvas, { width: scene.width * scale, height: scene.height * scale });
  drawLayers(canvas, { scale, left: 0, top: 0 }, image, layer, 0.6);
  shownOn.set(canvas, { image, layer, scale });
}

const still = (canvas) => (canvas.removeAttribute("data-lm-suppress-shortcuts"), canvas); // it takes no focus

// A strip for the mouse; whoever shows it has a slider or list beside it that does the same by keyboard. `items()` stand
// in it, `looks(item)` says how: { scene, layers, style, title, chosen } and, where it has words below, `caption`.
function strip(frame, items, looks, choose) {
  const cells = [];
  const element = h("div", { class: "seglib-strip", "aria-hidden": "true" });
  const cell = (place) => {
    const [canvas, caption] = [still(h("canvas")), h("figcaption")];
    frame.on(canvas, "click", () => choose(place));
    return { canvas, caption, figure: h("figure", {}, canvas, caption) };
  };
  const show = () => {
    const list = items();
    while (cells.length < list.length) cells.push(cell(cells.length));
    while (element.children.length > list.length) element.lastChild.remove();
    element.append(...cells.slice(element.children.length, list.length).map(({ figure }) => figure));
    list.forEach((item, place) => {
      const { canvas, caption, figure } = cells[place];
      const { scene, layers, style, title, chosen, caption: words = "" } = looks(item);
      canvas.title = title;
      write(caption, words);
      figure.toggleAttribute("data-shown", chosen);
      paintFrame(canvas, scene, layers, style);
    });
  };
  return { element, show };
}
