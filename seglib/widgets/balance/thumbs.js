// Thumbnails: a row of images in which one class is lit, by a dark veil over all else and a line around it.

const SHARP = 2; // canvas pixels for each pixel of a thumbnail: what the line is drawn in

const unpackThumbs = (sheet) => Promise.all(sheet.map(async (thumb) => ({
  ...thumb,
  bitmap: await createImageBitmap(new Blob([thumb.image])),
  labels: thumb.labels && new Uint8Array(await inflate(thumb.labels)),
  lit: new Map(), // class -> what is laid over the image
})));

// A row with room for `most` images. Its `show` takes [{ thumb, caption, label }], and which class to light.
function thumbRow(most, name) {
  const slots = Array.from({ length: most }, () => {
    const canvas = h("canvas", { role: "img" });
    canvas.removeAttribute("data-lm-suppress-shortcuts"); // it takes no focus
    const caption = h("figcaption", {});
    return { canvas, caption, element: h("figure", { hidden: true }, canvas, caption) };
  });
  const element = h("div", { class: "seglib-thumbs", role: "group", "aria-label": name, style: `--most: ${most}` },
    slots.map(({ element }) => element));
  const show = (images, place = null) => slots.forEach((slot, index) => {
    const image = images[index];
    slot.element.hidden = !image;
    if (!image) return;
    paintThumb(slot.canvas, image.thumb, place);
    write(slot.caption, image.caption);
    label(slot.canvas, image.label);
    slot.canvas.title = image.label;
  });
  return { element, show };
}

function paintThumb(canvas, thumb, place) {
  const [width, height] = [thumb.width * SHARP, thumb.height * SHARP];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { alpha: false });
  context.drawImage(thumb.bitmap, 0, 0, width, height);
  if (place === null || !thumb.labels) return;
  if (!thumb.lit.has(place)) thumb.lit.set(place, light(thumb, place));
  const { veil, line } = thumb.lit.get(place);
  context.imageSmoothingEnabled = false;
  context.drawImage(veil, 0, 0, width, height);
  context.save();
  context.scale(width / thumb.columns, height / thumb.rows);
  const unit = thumb.columns / thumb.width; // label pixels in a pixel of the thumbnail
  for (const [color, thick] of [["#000", 3], ["#fff", 1.5]]) {
    context.strokeStyle = color;
    context.lineWidth = thick * unit;
    context.stroke(line);
  }
  context.restore();
}

// The veil over every other class, and the line along every edge between two pixels of which one is of the class.
function light({ labels, columns, rows }, place) {
  const veil = new Uint32Array(labels.length);
  const line = new Path2D();
  const is = (x, y) => labels[y * columns + x] === place;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const here = is(x, y);
      if (!here) veil[y * columns + x] = 0x60000000; // black, mostly see-through
      if (x + 1 < columns && here !== is(x + 1, y)) line.rect(x + 1, y, 0, 1);
      if (y + 1 < rows && here !== is(x, y + 1)) line.rect(x, y + 1, 1, 0);
    }
  }
  return { veil: toImage(veil, columns, rows), line };
}
