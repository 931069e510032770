// The image. As the stage of the other widgets; where objects can be chosen, a click and the arrow keys choose them.

const HINTS = {
  grouping: "Point at a region, or press the arrow keys on the image.",
  proposals: "Click an object, or press the arrow keys on the image.",
  paste: "Point at the image, or press the arrow keys on it.",
};
const CHOOSES = "Arrow keys go from object to object, Escape lets go. Plus and minus zoom, 0 shows all.";
const STILL = 4; // CSS pixels: a pointer that moved less has clicked, not dragged

class Plate extends Stage {
  constructor(frame, scene, options) {
    super(frame, scene, { ...options, panels: 1 });
    const [{ canvas }] = this.panels;
    let down = null;
    frame.on(canvas, "pointerdown", (event) => (down = [event.clientX, event.clientY]));
    frame.on(canvas, "click", (event) => {
      const moved = down ? Math.hypot(event.clientX - down[0], event.clientY - down[1]) : 0;
      if (this.chooses() && moved < STILL) this.chooseAt(this.spot(event));
    });
    const help = () => canvas.setAttribute("aria-description", this.chooses() ? CHOOSES : HELP);
    frame.watch(["view"], help);
    help();
  }

  chooses = () => this.get("view") === "proposals" && this.scene.objects.length > 0;

  chooseAt([x, y]) {
    const { width, height, ids } = this.scene;
    const [column, line] = [within(Math.floor(x), 0, width - 1), within(Math.floor(y), 0, height - 1)];
    const number = ids[line * width + column];
    if (number) this.set("selected", number - 1);
  }

  step(way, pixels) {
    if (!this.chooses()) return super.step(way, pixels);
    const count = this.scene.objects.length;
    const selected = this.get("selected");
    const next = selected + (way[0] + way[1]);
    this.set("selected", selected < 0 ? (next < selected ? count - 1 : 0) : (next + count) % count);
  }

  press(event) {
    if (event.key === "Escape" && this.chooses()) this.set("selected", -1);
    super.press(event);
  }

  paintNow() {
    super.paintNow();
    if (!this.cursor) write(this.words, HINTS[this.get("view")]);
  }
}
