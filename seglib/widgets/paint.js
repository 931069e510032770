// Pixels. A label map becomes two images, its fill and its outlines, painted once; after that an opacity slider
// costs three drawImage calls and nothing else. What is painted where is the same as in
// seglib/draw.py; tests/browser compares the two.

const VOID = 255;

// What came with the model, made ready: the image as a bitmap, label maps as arrays.
async function unpack(data) {
  const entries = data.classes.map(({ name, color }, value) => ({ name, color, value, place: value }));
  entries.push({ name: "void", color: data.void, value: VOID, place: entries.length });
  const names = new Map(entries.map(({ name, value }) => [value, name]));
  return {
    ...data,
    entries,
    image: await createImageBitmap(new Blob([data.image])),
    maps: await Promise.all(data.maps.map(unpackLabels)),
    instances: data.instances && new Uint16Array(await inflate(data.instances)),
    name: (value) => names.get(value),
  };
}

const unpackLabels = async (map) => ({ ...map, labels: new Uint8Array(await inflate(map.labels)) });

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

// What was made of an `owner`, such as the layers of an image: the last few are kept, by key.
const made = new WeakMap();

function keep(owner, key, make) {
  const kept = made.get(owner) ?? new Map();
  made.set(owner, kept);
  if (kept.size > 16) kept.clear();
  if (!kept.has(key)) kept.set(key, make());
  return kept.get(key);
}

// `visible` are names of classes; without it all are painted. An entry with `hatch` is always hatched.
function paintLabels({ width, height, entries }, labels, { visible, outline, hatch }) {
  // What hidden classes and the background count as: not painted, and no outline between them.
  const nothing = Math.max(...entries.map(({ value }) => value)) + 1;
  const [plain, striped] = [new Uint32Array(nothing + 1), new Uint32Array(nothing + 1)];
  const shown = new Uint16Array(nothing).fill(nothing);
  for (const { name, value, color, clear, hatch: always } of entries) {
    if ((clear ?? name === "background") || (visible && !visible.includes(name))) continue;
    shown[value] = value;
    plain[value] = opaque(color);
    striped[value] = hatch || always ? opaque(inked(color)) : plain[value];
  }
  const hatched = hatch || entries.some(({ hatch: always }) => always);
  const fill = new Uint32Array(labels.length);
  const edges = new Uint32Array(labels.length);
  for (let y = 0, i = 0; y < height; y++) {
    let right = shown[labels[i]];
    for (let x = 0; x < width; x++, i++) {
      const label = right;
      if (x + 1 < width) right = shown[labels[i + 1]];
      const below = y + 1 < height ? shown[labels[i + width]] : label;
      if (outline && (label !== right || label !== below)) edges[i] = 0xffffffff;
      else fill[i] = hatched && onStripe(label, x, y) ? striped[label] : plain[label];
    }
  }
  return { fill: toImage(fill, width, height), edges: outline ? toImage(edges, width, height) : null };
}

// Stripes whose direction (four) and distance (growing) tell the class; void has dots.
const spacing = (label) => (label === VOID ? 6 : 6 + 3 * ((label >> 2) % 4));

function onStripe(label, x, y) {
  if (label === VOID) return onDot(x, y);
  const distance = spacing(label);
  const line = [x + y, x - y, x, y][label % 4];
  return (((line % distance) + distance) % distance) < 2; // a remainder that is never negative
}

const onDot = (x, y) => x % 6 < 2 && y % 6 < 2;

// Black where a colour is light and white where it is dark, half see-through.
function inked([red, green, blue]) {
  const light = 0.3 * red + 0.6 * green + 0.1 * blue > 110;
  return [red, green, blue].map((channel) => Math.round(channel * 0.4 + (light ? 0 : 255 * 0.6)));
}

// A colour as the four bytes of a canvas pixel in one number (little-endian, as on every machine with a browser).
const opaque = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

// What a class is painted with, as a CSS background.
function classPaint({ value, color, hatch: always }, hatch) {
  if (!hatch && !always) return `rgb(${color.join(" ")})`;
  return tiled(spacing(value), (x, y) => (onStripe(value, x, y) ? inked(color) : color));
}

// A square of pixels that repeats, as a CSS background.
function tiled(side, colorAt) {
  const canvas = h("canvas", { width: side, height: side });
  const pixels = Uint32Array.from({ length: side * side }, (_, i) => opaque(colorAt(i % side, Math.floor(i / side))));
  canvas.getContext("2d").drawImage(toImage(pixels, side, side), 0, 0);
  return `url(${canvas.toDataURL()})`;
}

// Right: the image in dim grey. Wrong: orange with dark stripes. Void: light grey with dots.
function paintDifference(scene, pred, truth) {
  const { width, height } = scene;
  const pixels = keep(scene, "pixels", () => pixelsOf(scene));
  const fill = new Uint32Array(truth.length);
  for (let i = 0; i < truth.length; i++) {
    const grey = (pixels[4 * i] + pixels[4 * i + 1] + pixels[4 * i + 2]) / 3;
    const verdict = verdictOn(pred[i], truth[i]);
    fill[i] = opaque(differenceColor(verdict, i % width, Math.floor(i / width), grey));
  }
  return { fill: toImage(fill, width, height), edges: null, solid: true };
}

const verdictOn = (guess, truth) => (truth === VOID ? "void" : guess === truth ? "right" : "wrong");

function differenceColor(verdict, x, y, grey) {
  if (verdict === "right") return Array(3).fill(0.6 * grey);
  if (verdict === "void") return Array(3).fill(onDot(x, y) ? 90 : 190);
  return [255, 140, 0].map((channel) => ((x + y) % 8 < 2 ? channel * 0.25 : channel * 0.9 + grey * 0.1));
}

// The image in dim grey, as where all is right.
function dimmed(scene) {
  const nothing = new Uint8Array(scene.width * scene.height);
  return paintDifference(scene, nothing, nothing).fill;
}

function pixelsOf({ image, width, height }) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height).data;
}

function toImage(pixels, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
  return canvas;
}

// `ratio` is how many of the canvas's own pixels a CSS pixel takes. A layer is { fill, edges: lines or null, solid: whether
// the fill hides the image } and may bring an image of its own to lie `under` it.
function drawLayers(canvas, { scale, left, top, ratio = 1 }, image, layer, opacity) {
  const context = canvas.getContext("2d", { alpha: false }); // the page below need not be blended in
  const unit = scale * ratio;
  context.setTransform(unit, 0, 0, unit, left * ratio, top * ratio);
  context.imageSmoothingEnabled = unit < 3 && unit % 1 !== 0; // pixels are seen as pixels where they are large
  const draw = (image, alpha) => ((context.globalAlpha = alpha), context.drawImage(image, 0, 0));
  draw(layer?.under ?? image, 1);
  if (layer) draw(layer.fill, layer.solid ? 1 : opacity);
  if (layer?.edges && opacity > 0) draw(layer.edges, Math.max(0.9, opacity));
}

// Boxes in black and white dashes, each [x1, y1, x2, y2, whether its line is wide], the last one in front.
function drawBoxes(canvas, { scale, left, top, ratio }, boxes) {
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, left * ratio, top * ratio);
  pen.globalAlpha = 1;
  for (const [x1, y1, x2, y2, wide] of boxes) {
    pen.lineWidth = wide ? 4 : 2;
    const inner = pen.lineWidth / 2; // the line lies inside of the box
    for (const [color, dash] of [["#000", []], ["#fff", [4, 4]]]) {
      pen.strokeStyle = color;
      pen.setLineDash(dash);
      pen.strokeRect(x1 * scale + inner, y1 * scale + inner, (x2 - x1) * scale - 2 * inner, (y2 - y1) * scale - 2 * inner);
    }
  }
  pen.setLineDash([]);
}
