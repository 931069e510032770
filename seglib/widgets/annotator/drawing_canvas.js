// The canvas: one image on which shapes are drawn, by pointer and by keyboard. It finds where on the image a point is, and
// paints; what a point or a key does is decided by the annotation state.

const REACH = 9; // CSS pixels that count as the same place
const DRAG = 4; // CSS pixels of movement after which a press is a drag
const DRAWING_KEYS = `Arrow keys move the cross, with Shift by ten. Enter or Space sets a point, Backspace removes it, Escape
cancels. V goes to the next corner of a selected object, M picks up what is under the cross and puts it down.`;

class DrawingCanvas extends Stage {
  wholePixels = false; // what counts is to hit an edge, hence to use all of the room

  constructor(frame, state, side) {
    super(frame, { width: 1, height: 1, image: null }, { shown: () => [{}], readOut: () => "", side, panels: 1 });
    this.state = state;
    const { canvas, mark } = this.panels[0];
    Object.assign(this, { canvas, pointer: null, tags: [] });
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", "drawing area");
    canvas.setAttribute("aria-description", DRAWING_KEYS);
    canvas.classList.add("seglib-drawing");
    mark.remove();
  }

  open(scene) {
    this.scene = scene;
    this.cursor = this.pointer = null;
    this.showAll();
    this.layout();
  }

  unit = () => this.place().scale;
  reach = () => REACH / this.unit();

  paintNow() {
    const { canvas, scene } = this;
    if (!scene.image) return;
    if (this.ratio !== devicePixelRatio) return this.layout(); // the window is on another screen now
    const { scale, left, top } = this.place();
    const context = canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.imageSmoothingEnabled = scale < 8; // closer, pixels are seen as pixels
    context.drawImage(scene.image, left, top, scene.width * scale, scene.height * scale);
    const at = ([x, y]) => [left + x * scale, top + y * scale];
    const { kind, drawing, history, selected } = this.state;
    const shapes = history.objects.map((object, index) => ({ ...this.state.appearance(object, index), selected: index === selected }));
    for (const shape of shapes.toSorted((a, b) => a.selected - b.selected)) paintShape(context, shape, at);
    this.tags = shapes.map((shape) => paintTag(context, shape, at)); // above all shapes, or the later ones hide them
    const chosen = shapes[selected];
    if (chosen) handles(kind, chosen.points).map(at).forEach((corner, index) => paintKnob(context, corner, index === chosen.corner ? 7 : 4.5));
    const spot = this.cursor ?? this.pointer;
    if (spot && (kind === "boxes" || this.cursor)) paintCross(context, at(spot), canvas, Boolean(this.cursor));
    if (drawing.started) paintDrawing(context, drawing, at, spot && at(drawing.place(spot)));
    label(canvas, this.state.description());
  }

  listenToPointer(canvas) {
    let held = null; // { from: where the pointer went down, act: "pan" | "move" | "draw" }
    const on = (type, listener) =>
      this.frame.on(canvas, type, (event) => event.isPrimary === false || listener(event)); // a second finger
    on("pointerdown", (event) => {
      if (!this.scene.image || event.button > 1) return;
      canvas.setPointerCapture(event.pointerId);
      this.cursor = null;
      this.pointer = this.spot(event);
      const pan = event.button === 1 || event.shiftKey;
      const act = pan ? "pan" : this.state.grab(this.pointer, this.reach(), this.tagAt(event)) ? "move" : "draw";
      held = { act, from: this.pointer, moved: false };
      if (pan) event.preventDefault();
      if (act === "draw") this.state.point(this.pointer, this.reach());
    });
    on("pointermove", (event) => {
      const spot = (this.pointer = this.spot(event));
      this.cursor = null;
      if (held) this.dragTo(held, spot);
      this.state.clocks.touch();
      this.paint();
    });
    on("pointerup", (event) => {
      if (held?.act === "move") this.state.drop();
      if (held?.act === "draw" && held.moved) this.state.lift(this.spot(event), this.reach());
      held = null;
    });
    on("pointercancel", () => {
      if (held?.act === "move") this.state.cancel();
      held = null;
    });
    on("pointerleave", () => ((this.pointer = null), this.paint()));
    on("dblclick", () => this.state.close());
  }

  // The number of the object whose tag is under the pointer, the topmost first; -1 for none.
  tagAt({ offsetX, offsetY }) {
    return this.tags.findLastIndex(([x, y, width, height]) => offsetX >= x && offsetX <= x + width && offsetY >= y && offsetY <= y + height);
  }

  dragTo(held, [x, y]) {
    held.moved ||= distance(held.from, [x, y]) * this.unit() > DRAG;
    if (held.act === "pan") {
      const [cx, cy] = this.center();
      this.set("center", [cx + held.from[0] - x, cy + held.from[1] - y]);
      this.pointer = held.from;
    } else if (held.act === "move" && held.moved) this.state.moveTo([x, y]);
  }

  press(event) {
    this.state.clocks.touch();
    if (this.scene.image) super.press(event);
  }

  keys(event) {
    const { state } = this;
    const cross = (point) => point && this.moveTo(point);
    return {
      ...super.keys(event),
      Enter: () => this.setPoint(event),
      " ": () => this.setPoint(event),
      Backspace: () => state.back(),
      Delete: () => state.remove(),
      Escape: () => state.cancel(),
      v: () => cross(state.nextHandle(1)),
      V: () => cross(state.nextHandle(-1)),
      m: () => this.cursor && (state.held ? state.drop() : state.grab(this.cursor, this.reach())),
    };
  }

  // The cross starts where the pointer is.
  step(way, pixels) {
    this.cursor ??= this.pointer?.map(Math.round);
    super.step(way, pixels);
  }

  // Enter closes a polygon that the mouse draws; for the keyboard it is where it began, or Enter twice in one place.
  setPoint({ key }) {
    const { state, cursor: cross } = this;
    if (state.held) return state.drop();
    const { points, kind } = state.drawing;
    const here = cross ? points.length > 2 && distance(points.at(-1), cross) < 0.5 : points.length > 0;
    if (kind === "polygons" && key === "Enter" && here) return state.close();
    this.cursor ??= (this.pointer ?? this.center()).map(Math.round);
    return state.point(this.cursor, 0.5);
  }

  moveTo([x, y]) {
    const { width, height } = this.scene;
    this.cursor = [within(Math.round(x), 0, width), within(Math.round(y), 0, height)];
    if (this.state.held) this.state.moveTo(this.cursor);
    this.state.say(`x ${this.cursor[0]}, y ${this.cursor[1]}`);
    this.paint();
  }
}
