// Images come from the kernel one at a time: the trait `wanted` asks for one, `fetched` brings it.

const KEPT = 6; // images that are kept ready

class Gallery {
  constructor(frame) {
    Object.assign(this, { frame, kept: new Map(), waiting: [] });
    frame.watch(["fetched"], () => this.arrived());
    frame.watch(["error"], () => this.giveUp());
  }

  // A promise of { image, width, height }.
  image(index) {
    if (!this.kept.has(index)) {
      if (this.kept.size >= KEPT) this.kept.delete(this.kept.keys().next().value);
      this.kept.set(index, new Promise((resolve) => this.waiting.push({ index, resolve })));
      if (!this.arrived()) this.ask(index);
    }
    return this.kept.get(index);
  }

  ask(index) {
    this.frame.set("wanted", [index, Date.now()]); // the time makes every question a new one
  }

  // Takes what came, if somebody waits for it.
  arrived() {
    const { index, image, width, height } = this.frame.model.get("fetched");
    const place = this.waiting.findIndex((one) => one.index === index);
    if (place < 0) return false;
    const [{ resolve }] = this.waiting.splice(place, 1);
    resolve(createImageBitmap(new Blob([image])).then((bitmap) => ({ image: bitmap, width, height })));
    if (this.waiting.length) this.ask(this.waiting[0].index);
    return true;
  }

  // An image that could not be read will not come; it may be asked for again.
  giveUp() {
    if (!this.frame.model.get("error")) return;
    for (const { index } of this.waiting.splice(0)) this.kept.delete(index);
  }
}
