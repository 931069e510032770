// The studio: what is drawn, chosen and held, and what each act of the student does to it. It asks the clock, and
// tells its listeners; it does not know where on the page anything is.

class Studio {
  // `kind` is "boxes" or "polygons"; `classes` are { name, color }; `say(text)` tells the student; `changed()` is
  // called after every act, `saved(objects)` once objects have changed.
  constructor({ kind, classes, time, say, changed, saved }) {
    Object.assign(this, { kind, classes, time, say, changed, saved, label: 0, tool: "drag", title: "" });
    this.noun = kind === "boxes" ? "box" : "polygon";
    this.turnTo({ width: 1, height: 1, title: "" }, new Sheet([], () => {}));
  }

  turnTo({ width, height, title }, sheet) {
    Object.assign(this, { size: { width, height }, title, sheet, selected: -1, corner: -1, held: null });
    this.drawing = Object.assign(new Drawing(this.kind, this.size), { tool: this.tool });
  }

  useTool(tool) {
    Object.assign(this, { tool });
    Object.assign(this.drawing, { tool, points: [], problem: "" });
  }

  // A point of a new object.
  point(spot, reach) {
    this.choose(-1);
    if (!this.drawing.started) this.time.begin();
    this.time.goOn();
    this.take(this.drawing.add(spot, reach));
  }

  // The button went up after a drag: the opposite corner of a box.
  lift(spot, reach) {
    if (this.kind === "boxes" && this.tool === "drag" && this.drawing.started) this.point(spot, reach);
  }

  close() {
    if (this.kind === "polygons" && this.drawing.started) this.take(this.drawing.close());
  }

  // A finished shape becomes an object; without one, say how it stands.
  take(points) {
    if (points) {
      const seconds = tenth(this.time.finish());
      this.sheet.add({ label: this.label, points, seconds });
      this.tell(`${this.capital(this.noun)} ${this.sheet.objects.length}, ${this.name(this.label)}: ${this.extent(points)}, ${seconds.toFixed(1)} s.`);
    } else this.tell(this.drawing.problem || this.progress());
  }

  progress() {
    const count = this.drawing.points.length;
    if (this.kind === "polygons") return `Corner ${count}${count > 2 ? "; the first corner, Enter or a double click closes" : ""}.`;
    return this.tool === "extreme" ? `${count} of 4: topmost, leftmost, lowest and rightmost point, in any order.` : "First corner; now the opposite one.";
  }

  // Backspace: a point less, or the last change undone.
  back() {
    if (!this.drawing.started) return this.undo();
    this.drawing.points.pop();
    if (!this.drawing.started) this.time.finish();
    this.tell(this.drawing.started ? this.progress() : "Nothing begun.");
  }

  undo = () => this.travel(() => this.sheet.undo(), "Undone", "Nothing to undo.");
  redo = () => this.travel(() => this.sheet.redo(), "Done again", "Nothing to do again.");

  travel(step, done, nothing) {
    if (this.drawing.started) return this.back();
    this.choose(-1);
    this.held = null;
    this.tell(step() ? `${done}: ${this.count()}.` : nothing);
  }

  // Escape: lets go of what is held, else of what is begun, else of what is chosen.
  letGo() {
    if (this.held || this.drawing.started) this.time.finish();
    if (this.held) this.held = null;
    else if (this.drawing.started) this.drawing.points = [];
    else this.choose(-1);
    this.tell("Let go.");
  }

  choose(index, corner = -1) {
    Object.assign(this, { selected: index, corner });
  }

  // Takes hold of a corner, an edge or the inside of the chosen object, or of the object whose tag was hit.
  grab(spot, reach, tag = -1) {
    if (this.drawing.started) return false;
    const corners = this.selected < 0 ? [] : handles(this.kind, this.sheet.objects[this.selected].points);
    const corner = nearest(corners, spot, reach);
    if (corner < 0 && tag >= 0) this.choose(tag);
    if (this.selected < 0) return false;
    const { points, seconds } = this.sheet.objects[this.selected];
    const edge = corner < 0 && tag < 0 && this.kind === "polygons" ? nearestEdge(points, spot, reach / 2) : -1;
    if (tag < 0 && corner < 0 && edge < 0 && !contains(corners, spot)) return false;
    this.time.begin(seconds);
    this.corner = corner;
    const more = edge < 0 ? points : points.toSpliced(edge + 1, 0, spot); // an edge that is dragged gets a corner
    this.held = { from: spot, points: more, corner: edge < 0 ? corner : edge + 1, shape: null, inside: tag < 0 && corner < 0 && edge < 0 };
    this.tell(`${this.capital(this.noun)} ${this.selected + 1}, ${this.name(this.sheet.objects[this.selected].label)}: ${corner < 0 ? "chosen" : `corner ${corner + 1}`}.`);
    return true;
  }

  moveTo([x, y]) {
    const { from, points, corner } = this.held;
    const whole = ([dx, dy]) => (this.kind === "boxes" ? [Math.round(dx), Math.round(dy)] : [dx, dy]);
    const put = this.kind === "boxes" ? Math.round : tenth;
    const place = [within(put(x), 0, this.size.width), within(put(y), 0, this.size.height)];
    const shape = corner < 0 ? moveShape(points, whole([x - from[0], y - from[1]]), this.size) : moveHandle(this.kind, points, corner, place);
    const [[x1, y1], [x2, y2]] = boxAround(shape, 0);
    if (x1 < x2 && y1 < y2) this.held.shape = shape;
    this.changed();
  }

  drop() {
    const { shape, inside } = this.held;
    const seconds = tenth(this.time.finish());
    this.held = null;
    if (shape) this.sheet.replace(this.selected, { ...this.sheet.objects[this.selected], points: shape, seconds });
    else if (inside) this.choose(-1); // a click, no drag
    if (shape || inside) this.say(shape ? `Moved: ${this.extent(shape)}.` : "Let go.");
    this.changed();
  }

  // The chosen corner of a polygon that has one to spare, else the chosen object.
  remove() {
    if (this.selected < 0) return this.tell("Choose an object first, by its tag, in the list or with O.");
    const object = this.sheet.objects[this.selected];
    const spare = this.kind === "polygons" && this.corner >= 0 && object.points.length > 3;
    if (spare) this.sheet.replace(this.selected, { ...object, points: object.points.toSpliced(this.corner, 1) });
    else this.sheet.remove(this.selected);
    this.choose(spare ? this.selected : -1);
    this.held = null;
    this.tell(spare ? "Corner deleted." : `Deleted: ${this.count()}.`);
  }

  nextObject(step) {
    const count = this.sheet.objects.length;
    if (!count) return this.tell("Nothing is drawn yet.");
    this.choose(this.selected < 0 ? (step > 0 ? 0 : count - 1) : (this.selected + step + count) % count);
    const { label, points } = this.sheet.objects[this.selected];
    this.tell(`${this.capital(this.noun)} ${this.selected + 1} of ${count}, ${this.name(label)}: ${this.extent(points)}.`);
  }

  // The next corner of the chosen object, where the cross goes.
  nextHandle(step) {
    if (this.selected < 0) this.nextObject(1);
    if (this.selected < 0) return null;
    const corners = handles(this.kind, this.sheet.objects[this.selected].points);
    this.corner = this.corner < 0 ? (step > 0 ? 0 : corners.length - 1) : (this.corner + step + corners.length) % corners.length;
    return corners[this.corner];
  }

  // The class of the next object, and of the chosen one.
  useClass(label) {
    this.label = label;
    const object = this.sheet.objects[this.selected];
    if (object && object.label !== label) this.sheet.replace(this.selected, { ...object, label });
    this.tell(`Class: ${this.name(label)}.`);
  }

  touch() {
    this.time.touch();
  }

  tell(text) {
    this.say(text);
    this.changed();
  }

  // What the easel paints for an object.
  look(object, index) {
    const { name, color, ink } = this.classes[object.label];
    const points = this.held?.shape && index === this.selected ? this.held.shape : object.points;
    const corner = index === this.selected ? this.corner : -1;
    return { points, kind: this.kind, color: color.join(" "), ink, text: `${index + 1} ${name}`, corner };
  }

  description = () => `${this.title}: ${this.count()}${this.sheet.objects.length ? ` (${this.sheet.objects.map(({ label }) => this.name(label)).join(", ")})` : ""}`;
  name = (label) => this.classes[label].name;
  count = (number = this.sheet.objects.length) => (number === 1 ? `1 ${this.noun}` : `${number || "no"} ${this.kind}`);
  capital = (text) => text[0].toUpperCase() + text.slice(1);

  extent(points) {
    const [[x1, y1], [x2, y2]] = boxAround(points, 0);
    const size = `${Math.round(x2 - x1)} × ${Math.round(y2 - y1)} pixels`;
    return this.kind === "boxes" ? size : `${points.length} corners, ${size}`;
  }
}

// Whether a spot is inside of a closed line: it is where a ray from it crosses the line an odd number of times.
function contains(points, [x, y]) {
  return points.reduce((inside, [ax, ay], at) => {
    const [bx, by] = points[(at + 1) % points.length];
    return ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax) ? !inside : inside;
  }, false);
}
