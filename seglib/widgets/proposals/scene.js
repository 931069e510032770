// What came with the model, made ready: superpixels, the regions that can be on show, objects, and the grouping.

async function unpackProposals(data) {
  const scene = await unpack(data);
  const numbers = async (packed) => new Uint32Array(await inflate(packed));
  const bytes = async (packed) => new Uint8Array(await inflate(packed));
  const pixels = scene.width * scene.height;
  const superpixels = await numbers(data.superpixels);
  const objects = await Promise.all(data.objects.map(async (object) => ({ ...object, mask: spread(await bytes(object.mask), 0, pixels) })));
  const members = await bytes(data.regions.members);
  const row = Math.ceil(data.regions.width / 8);
  const ids = new Uint16Array(pixels); // 0 where there is no object; the later of two that overlap
  objects.forEach(({ mask }, index) => mask.forEach((inside, at) => inside && (ids[at] = index + 1)));
  return {
    ...scene,
    superpixels,
    objects,
    ids,
    pixels: pixelsOf(scene),
    tree: grow(await numbers(data.grouping.labels), data.grouping.merges),
    regions: data.regions.width,
    members: (region) => spread(members, region * row * 8, data.regions.width), // a flag for each superpixel
    mask(region) {
      const inside = this.members(region);
      return Uint8Array.from(superpixels, (superpixel) => inside[superpixel]);
    },
  };
}

// Flags that were packed eight to a byte, highest bit first: `count` of them from bit `first` on.
function spread(bytes, first, count) {
  return Uint8Array.from({ length: count }, (_, k) => (bytes[(first + k) >> 3] >> (7 - ((first + k) & 7))) & 1);
}

// The tree: `at(left)` numbers the pixels by region; `pair(left)` has the two sets of superpixels that merge next.
function grow(labels, merges) {
  const total = merges.length + 1;
  const nodes = (left) => {
    const node = Array.from({ length: total }, (_, superpixel) => superpixel);
    for (let k = 0; k < total - left; k++) {
      for (let s = 0; s < total; s++) if (merges[k].includes(node[s])) node[s] = total + k;
    }
    return node;
  };
  const kept = { left: null };
  const at = (left) => {
    if (kept.left !== left) {
      const node = nodes(left);
      Object.assign(kept, { left, node, labels: Uint32Array.from(labels, (superpixel) => node[superpixel]) });
    }
    return kept;
  };
  return { total, labels, at, pair: (left) => merges[total - left] };
}
