// What is laid over the image beside its label maps; the same as refinement/painting.py, and tests hold the two together.

const DIM = 0.6; // of the grey image on which changed pixels are marked

// Which rule changed which pixel, the last that did: 0 for none, else the rule's place in `rules`.
function lastChange(shots, rules) {
  const last = new Uint8Array(shots[0].labels.length);
  shots.slice(1).forEach(({ labels, name }, k) => {
    const place = rules.findIndex((rule) => rule.name === name);
    const before = shots[k].labels;
    labels.forEach((value, at) => value !== before[at] && (last[at] = place));
  });
  return last;
}

// Changed pixels in the colour and hatching of their rule, on a dim grey image.
function paintRules(scene, changed, rules) {
  scene.pixels ??= pixelsOf(scene);
  const entries = rules.map(({ name, color }, value) => ({ name: value ? name : "background", color, value }));
  const style = { visible: entries.map(({ name }) => name), outline: false, hatch: true };
  return { ...paintLabels({ ...scene, entries }, changed, style), solid: true, under: dimmed(scene) };
}

function dimmed({ pixels, width, height }) {
  const grey = Uint32Array.from({ length: width * height }, (_, i) =>
    opaque(Array(3).fill((DIM * (pixels[4 * i] + pixels[4 * i + 1] + pixels[4 * i + 2])) / 3)));
  return toImage(grey, width, height);
}

// The boxes in black and white dashes, the smaller in front; one that is filled again has a wider line.
function paintBoxes({ width, height }, { boxes, order, line }, low) {
  const lines = new Uint32Array(width * height);
  for (const number of order) {
    const [x1, y1, x2, y2] = boxes[number].box;
    const thick = Math.min(3 * line, Math.max(line, Math.floor(Math.min(x2 - x1, y2 - y1) / 5)));
    const wide = low.includes(number) ? thick : line;
    for (let y = y1; y < y2; y++) {
      for (let x = x1; x < x2; x++) {
        if (x >= x1 + wide && x < x2 - wide && y >= y1 + wide && y < y2 - wide) continue;
        lines[y * width + x] = Math.floor((x + y) / (4 * line)) % 2 ? 0xffffffff : 0xff000000;
      }
    }
  }
  return toImage(lines, width, height);
}
