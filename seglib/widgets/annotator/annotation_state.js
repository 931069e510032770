// What is drawn, selected and dragged, and what each action of the student does to it. It knows the clocks and tells its
// listeners; nothing here touches the page.

const EXTREMES = 4; // clicks on the topmost, leftmost, bottommost and rightmost point of an object

// The next place, or the one before, of `count` in a ring; -1 is before the first.
const after = (place, step, count) => (place < 0 ? (step > 0 ? 0 : count - 1) : (place + step + count) % count);

// A shape that is being drawn: points go in, a finished shape comes out.
class Drawing {
  constructor(kind, { width, height }, tool = "drag") {
    Object.assign(this, { kind, width, height, tool, points: [], problem: "" });
    this.round = kind === "boxes" ? Math.round : tenth;
  }

  get extreme() {
    return this.kind === "boxes" && this.tool === "extreme";
  }

  get started() {
    return this.points.length > 0;
  }

  // Where a point at `[x, y]` really falls: on a pixel for extreme points, else between pixels.
  place([x, y], extreme = this.extreme) {
    const [round, last] = extreme ? [Math.floor, 1] : [this.round, 0];
    return [within(round(x), 0, this.width - last), within(round(y), 0, this.height - last)];
  }

  // The finished shape, or null while more points are wanted. `reach` is how near counts as the same place.
  add(spot, reach) {
    this.problem = "";
    const point = this.place(spot);
    if (this.kind === "polygons") {
      if (this.points.length > 2 && distance(point, this.points[0]) <= reach) return this.close();
      const again = this.started && distance(point, this.points.at(-1)) < reach / 4; // the second of a double click
      if (!again) this.points.push(point);
      return null;
    }
    this.points.push(point);
    if (this.points.length < (this.extreme ? EXTREMES : 2)) return null;
    return this.finished(boxAround(this.points, this.extreme ? 1 : 0), "The box has no area: set its other corner elsewhere.");
  }

  // Enter or a double click closes a polygon.
  close() {
    if (this.kind === "polygons" && this.points.length > 2) return this.finished(this.points, "The polygon has no area.");
    this.problem = this.kind === "polygons" ? "A polygon needs three corners or more." : "";
    return null;
  }

  finished(shape, problem) {
    if (hasArea(shape)) {
      this.points = [];
      return shape;
    }
    this.points.pop();
    this.problem = problem;
    return null;
  }
}

// The objects drawn on one image, with undo and redo. Objects are replaced, never changed.
class History {
  constructor(objects, changed) {
    Object.assign(this, { states: [objects], at: 0, changed });
  }

  get objects() {
    return this.states[this.at];
  }

  put(objects) {
    this.states = [...this.states.slice(0, this.at + 1), objects];
    this.step(1);
  }

  replace = (index, object) => this.put(this.objects.with(index, object));

  // One step back or forth; false where there is none.
  step(by) {
    if (!this.states[this.at + by]) return false;
    this.at += by;
    this.changed();
    return true;
  }
}

// What the student does with one image: draws, selects, drags, deletes.
class AnnotationState {
  // `kind` is "boxes" or "polygons"; `classes` are { name, color, ink }; `say(text)` shows a sentence; `changed()` is
  // called after every action.
  constructor({ kind, classes, clocks, say, changed }) {
    Object.assign(this, { kind, classes, clocks, say, changed, label: 0, title: "" });
    this.noun = kind === "boxes" ? "box" : "polygon";
    this.open({ width: 1, height: 1, title: "" }, new History([], () => {}));
  }

  open({ width, height, title }, history) {
    Object.assign(this, { size: { width, height }, title, history, selected: -1, corner: -1, held: null });
    this.drawing = new Drawing(this.kind, this.size, this.drawing?.tool);
  }

  // The selected object.
  get object() {
    return this.history.objects[this.selected];
  }

  useTool = (tool) => (this.drawing = new Drawing(this.kind, this.size, tool));

  // A point of a new object.
  point(spot, reach) {
    this.select(-1);
    if (!this.drawing.started) this.clocks.begin();
    this.clocks.resume();
    this.take(this.drawing.add(spot, reach));
  }

  // The button was released after a drag: the opposite corner of a box.
  lift(spot, reach) {
    if (this.kind === "boxes" && !this.drawing.extreme && this.drawing.started) this.point(spot, reach);
  }

  close() {
    if (this.kind === "polygons" && this.drawing.started) this.take(this.drawing.close());
  }

  // A finished shape becomes an object; without one, say what is missing.
  take(points) {
    if (points) {
      const seconds = tenth(this.clocks.finish());
      this.history.put([...this.history.objects, { label: this.label, points, seconds }]);
      this.announce(`${this.titled(this.history.objects.length - 1)}: ${this.extent(points)}, ${seconds.toFixed(1)} s.`);
    } else this.announce(this.drawing.problem || this.progress());
  }

  progress() {
    const count = this.drawing.points.length;
    if (this.kind === "polygons") return `Corner ${count}${count > 2 ? "; the first corner, Enter or a double click closes" : ""}.`;
    return this.drawing.extreme ? `${count} of 4: topmost, leftmost, lowest and rightmost point, in any order.` : "First corner; now the opposite one.";
  }

  // Backspace: removes the last point, or undoes the last change.
  back() {
    if (!this.drawing.started) return this.undo();
    this.drawing.points.pop();
    if (!this.drawing.started) this.clocks.finish();
    this.announce(this.drawing.started ? this.progress() : "Nothing is started.");
  }

  undo = () => this.step(-1, "Undone", "Nothing to undo.");
  redo = () => this.step(1, "Redone", "Nothing to redo.");

  step(by, done, nothing) {
    if (this.drawing.started) return this.back();
    this.select(-1);
    this.held = null;
    this.announce(this.history.step(by) ? `${done}: ${this.count()}.` : nothing);
  }

  // Escape: cancels what is dragged, else what is begun, else deselects.
  cancel() {
    if (this.held || this.drawing.started) this.clocks.finish();
    else this.select(-1);
    this.held = null;
    this.drawing.points = [];
    this.announce("Cancelled.");
  }

  select(index, corner = -1) {
    Object.assign(this, { selected: index, corner });
  }

  // Starts to drag a corner, an edge or the inside of the selected object, or the object whose tag was hit.
  grab(spot, reach, tag = -1) {
    if (this.drawing.started) return false;
    const corners = this.selected < 0 ? [] : handles(this.kind, this.object.points);
    const corner = nearest(corners.map((point) => distance(point, spot)), reach);
    if (corner < 0 && tag >= 0) this.select(tag);
    if (this.selected < 0) return false;
    const { points, seconds } = this.object;
    const edge = corner < 0 && tag < 0 && this.kind === "polygons" ? nearest(toEdges(points, spot), reach / 2) : -1;
    if (tag < 0 && corner < 0 && edge < 0 && !contains(corners, spot)) return false;
    this.clocks.begin(seconds);
    this.corner = corner;
    const more = edge < 0 ? points : points.toSpliced(edge + 1, 0, spot); // an edge that is dragged gets a corner
    this.held = { from: spot, points: more, corner: edge < 0 ? corner : edge + 1, shape: null, inside: tag < 0 && corner < 0 && edge < 0 };
    this.announce(`${this.titled(this.selected)}: ${corner < 0 ? "selected" : `corner ${corner + 1}`}.`);
    return true;
  }

  moveTo(spot) {
    const { from, points, corner } = this.held;
    const shape = corner < 0
      ? moveShape(points, spot.map((value, axis) => this.drawing.round(value - from[axis])), this.size)
      : moveHandle(this.kind, points, corner, this.drawing.place(spot, false));
    if (hasArea(shape)) this.held.shape = shape;
    this.changed();
  }

  drop() {
    const { shape, inside } = this.held;
    const seconds = tenth(this.clocks.finish());
    this.held = null;
    if (shape) this.history.replace(this.selected, { ...this.object, points: shape, seconds });
    else if (inside) this.select(-1); // a click, not a drag
    if (shape || inside) this.say(shape ? `Moved: ${this.extent(shape)}.` : "Deselected.");
    this.changed();
  }

  // Deletes the selected corner of a polygon with more than three, else the selected object.
  remove() {
    if (this.selected < 0) return this.announce("Select an object first: click its tag, use the list or press O.");
    const { points } = this.object;
    const spare = this.kind === "polygons" && this.corner >= 0 && points.length > 3;
    if (spare) this.history.replace(this.selected, { ...this.object, points: points.toSpliced(this.corner, 1) });
    else this.history.put(this.history.objects.toSpliced(this.selected, 1));
    this.select(spare ? this.selected : -1);
    this.held = null;
    this.announce(spare ? "Corner deleted." : `Deleted: ${this.count()}.`);
  }

  nextObject(step) {
    const count = this.history.objects.length;
    if (!count) return this.announce("Nothing is drawn yet.");
    this.select(after(this.selected, step, count));
    this.announce(`${this.titled(this.selected, ` of ${count}`)}: ${this.extent(this.object.points)}.`);
  }

  // Selects the next corner of the selected object, and returns it.
  nextHandle(step) {
    if (this.selected < 0) this.nextObject(1);
    if (this.selected < 0) return null;
    const corners = handles(this.kind, this.object.points);
    this.corner = after(this.corner, step, corners.length);
    return corners[this.corner];
  }

  // The class of the next object, and of the selected one.
  useClass(label) {
    this.label = label;
    if (this.object && this.object.label !== label) this.history.replace(this.selected, { ...this.object, label });
    this.announce(`Class: ${this.name(label)}.`);
  }

  announce(text) {
    this.say(text);
    this.changed();
  }

  // What the canvas paints for an object.
  appearance(object, index) {
    const { name, color, ink } = this.classes[object.label];
    const points = this.held?.shape && index === this.selected ? this.held.shape : object.points;
    const corner = index === this.selected ? this.corner : -1;
    return { points, kind: this.kind, color: color.join(" "), ink, text: `${index + 1} ${name}`, corner };
  }

  description = () => `${this.title}: ${this.count()}${this.history.objects.length ? ` (${this.history.objects.map(({ label }) => this.name(label)).join(", ")})` : ""}`;
  name = (label) => this.classes[label].name;
  count = (number = this.history.objects.length) => (number === 1 ? `1 ${this.noun}` : `${number || "no"} ${this.kind}`);
  titled = (index, of = "") => `${capital(this.noun)} ${index + 1}${of}, ${this.name(this.history.objects[index].label)}`;

  extent(points) {
    const [[x1, y1], [x2, y2]] = boxAround(points, 0);
    const size = `${Math.round(x2 - x1)} × ${Math.round(y2 - y1)} pixels`;
    return this.kind === "boxes" ? size : `${points.length} corners, ${size}`;
  }
}
