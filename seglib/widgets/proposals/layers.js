// What is laid over the image in each view; the same as proposals/painting.py, and tests hold the two together.

const [WHITE, BLACK] = [0xffffffff, 0xff000000];
const ORANGE = [230, 159, 0]; // in the region and not in the object; or the first of the pair
const BLUE = [86, 180, 233]; // in the object and not in the region; or the second of the pair
const [VEIL, HALF_VEIL, STRIPE] = [128, 64, 230]; // how opaque

const see = ([red, green, blue], alpha) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
const slanted = (x, y, way) => (((x + way * y) % 8) + 8) % 8 < 3;

// The line around a shape: 1 for its own pixels beside others, 2 for others beside its own.
function rim(mask, width, height) {
  const line = new Uint8Array(mask.length);
  const part = (a, b) => {
    if (mask[a] !== mask[b]) [line[a], line[b]] = mask[a] ? [1, 2] : [2, 1];
  };
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (x + 1 < width) part(i, i + 1);
      if (y + 1 < height) part(i, i + width);
    }
  }
  return line;
}

// Whether a pixel's right or lower neighbour has another label.
function isEdge(labels, i, x, y, width, height) {
  return (x + 1 < width && labels[i] !== labels[i + 1]) || (y + 1 < height && labels[i] !== labels[i + width]);
}

function eachPixel({ width, height }, act) {
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) act(i, x, y);
}

// Every region in its mean colour with a white outline; the pair that merges next in stripes.
function paintGrouping(scene, left) {
  const { width, height, tree } = scene;
  const { labels } = tree.at(left);
  const colours = meanColours(labels, scene.pixels, 2 * tree.total);
  const [fill, lines] = [new Uint32Array(labels.length), new Uint32Array(labels.length)];
  const pair = left > 1 ? tree.pair(left) : [];
  const ways = labels.map((label) => pair.indexOf(label) + 1); // 1 and 2 in the pair, else 0
  const [one, other] = [1, 2].map((way) => rim(ways.map((here) => (here === way ? 1 : 0)), width, height));
  eachPixel(scene, (i, x, y) => {
    fill[i] = colours[labels[i]];
    if (isEdge(labels, i, x, y, width, height)) lines[i] = WHITE;
    if (ways[i] === 1 && slanted(x, y, 1)) lines[i] = opaque(ORANGE);
    if (ways[i] === 2 && slanted(x, y, -1)) lines[i] = opaque(BLUE);
    if (one[i] === 1 || other[i] === 1) lines[i] = WHITE;
    else if (one[i] || other[i]) lines[i] = BLACK;
  });
  return { fill: toImage(fill, width, height), edges: toImage(lines, width, height) };
}

function meanColours(labels, pixels, count) {
  const sums = new Float64Array(4 * count);
  labels.forEach((label, i) => {
    for (let c = 0; c < 3; c++) sums[4 * label + c] += pixels[4 * i + c];
    sums[4 * label + 3]++;
  });
  return Uint32Array.from({ length: count }, (_, label) =>
    opaque([0, 1, 2].map((c) => Math.round(sums[4 * label + c] / sums[4 * label + 3]))));
}

// The region is clear, all else is dimmed; stripes mark what the region and the object do not share.
function paintRegion(scene, region, object) {
  const { width, height } = scene;
  const mask = scene.mask(region);
  const chosen = scene.objects.indexOf(object) + 1;
  const others = scene.ids.map((id) => (id === chosen ? 0 : id)); // these have a dotted line, and can be clicked
  const target = object?.mask ?? mask;
  const line = rim(mask, width, height);
  const fill = new Uint32Array(mask.length);
  eachPixel(scene, (i, x, y) => {
    fill[i] = mask[i] ? 0 : see([0, 0, 0], VEIL);
    if (mask[i] !== target[i]) {
      const striped = slanted(x, y, mask[i] ? 1 : -1);
      fill[i] = striped ? see(mask[i] ? ORANGE : BLUE, STRIPE) : see([0, 0, 0], HALF_VEIL);
    }
    if ((x + y) % 4 < 2 && isEdge(others, i, x, y, width, height)) fill[i] = see([255, 255, 255], Math.max(fill[i] >>> 24, 179));
    if (line[i]) fill[i] = line[i] === 1 ? WHITE : BLACK;
  });
  return { fill: toImage(fill, width, height), edges: null, solid: true };
}

// The mask so far, and a line around the region that came last.
function paintPaste(scene, { picked, kinds, rest }, painted, hatch) {
  const { width, height } = scene;
  const colours = new Uint8Array(scene.regions).fill(rest);
  for (let step = 0; step < painted; step++) {
    scene.members(picked[step]).forEach((inside, superpixel) => inside && (colours[superpixel] = kinds[step]));
  }
  const labels = Uint8Array.from(scene.superpixels, (superpixel) => colours[superpixel]);
  const visible = scene.entries.map(({ name }) => name);
  const layer = paintLabels(scene, labels, { visible, outline: true, hatch });
  if (painted) {
    const line = rim(scene.mask(picked[painted - 1]), width, height);
    const lines = Uint32Array.from(line, (kind) => [0, WHITE, BLACK][kind]);
    layer.edges.getContext("2d").drawImage(toImage(lines, width, height), 0, 0);
  }
  return { ...layer, labels };
}

// Layers are painted once for each state, and the last few are kept.
function keeper() {
  const kept = new Map();
  return (key, paint) => {
    if (kept.size > 24) kept.clear();
    if (!kept.has(key)) kept.set(key, paint());
    return kept.get(key);
  };
}
