// What goes into the net: the image around the region's box, and the region alone on the mean colour.
// Both are warped to a square, as in seglib/regions/crops.py; here the browser's own smoothing makes them small.

// A box (x1, y1, x2, y2) made larger, so that its crop has `context` of its side around it.
function cropWindow([x1, y1, x2, y2], context) {
  const more = (length) => (length * context) / (1 - 2 * context);
  return [x1 - more(x2 - x1), y1 - more(y2 - y1), x2 + more(x2 - x1), y2 + more(y2 - y1)];
}

function paintCrop(canvas, scene, { box, mask, side, context, fill }) {
  const [x1, y1, x2, y2] = cropWindow(box, context);
  const pen = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  pen.fillStyle = `rgb(${fill.join(" ")})`;
  pen.fillRect(0, 0, side, side);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(scene.image, x1, y1, x2 - x1, y2 - y1, 0, 0, side, side);
  if (!mask) return;
  const shown = pen.getImageData(0, 0, side, side);
  const column = Array.from({ length: side }, (_, k) => Math.floor(x1 + ((k + 0.5) / side) * (x2 - x1)));
  const line = Array.from({ length: side }, (_, k) => Math.floor(y1 + ((k + 0.5) / side) * (y2 - y1)));
  const inside = (x, y) => x >= 0 && y >= 0 && x < scene.width && y < scene.height && mask[y * scene.width + x];
  for (let v = 0; v < side; v++) {
    for (let u = 0; u < side; u++) {
      if (!inside(column[u], line[v])) shown.data.set(fill, 4 * (v * side + u));
    }
  }
  pen.putImageData(shown, 0, 0);
}

// The two crops side by side. `show(region, place in the ranking)` paints them.
function cropPair(scene, data) {
  const { side, context, fill } = data.crops;
  const names = ["full box", "foreground"];
  const canvases = names.map(() => {
    const canvas = h("canvas", { role: "img", width: side, height: side });
    canvas.removeAttribute("data-lm-suppress-shortcuts"); // it takes no focus
    return canvas;
  });
  const element = h("div", { class: "seglib-crops" }, names.map((name, k) => h("figure", {}, canvases[k], h("figcaption", {}, name))));
  const show = (region) => {
    const mask = scene.mask(region);
    canvases.forEach((canvas, k) => {
      paintCrop(canvas, scene, { box: data.regions.boxes[region], mask: k ? mask : null, side, context, fill });
      label(canvas, `region ${data.regions.ranks[region].toLocaleString("en")}, ${names[k]}, warped to ${side} by ${side} pixels`);
    });
  };
  return { element, show };
}
