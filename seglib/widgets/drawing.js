// Shapes in image coordinates. A box is two corners [[x1, y1], [x2, y2]], x2 and y2 outside; a polygon is its
// corners. Nothing here knows of a page.

const EXTREMES = 4; // clicks on the topmost, leftmost, bottommost and rightmost point of an object
const distance = ([x, y], [u, v]) => Math.hypot(x - u, y - v);
const tenth = (value) => Math.round(10 * value) / 10;

// A shape that is being drawn: points go in, a finished shape comes out.
class Drawing {
  constructor(kind, { width, height }) {
    Object.assign(this, { kind, width, height, tool: "drag", points: [], problem: "" });
  }

  get started() {
    return this.points.length > 0;
  }

  // Where a point at `[x, y]` really falls: on a pixel for extreme points, else between pixels.
  place([x, y]) {
    const extreme = this.kind === "boxes" && this.tool === "extreme";
    const last = extreme ? 1 : 0;
    const round = extreme ? Math.floor : this.kind === "boxes" ? Math.round : tenth;
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
    if (this.points.length < (this.tool === "extreme" ? EXTREMES : 2)) return null;
    return this.finished(boxAround(this.points, this.tool === "extreme" ? 1 : 0), "The box has no area: set its other corner elsewhere.");
  }

  // Enter or a double click closes a polygon.
  close() {
    if (this.kind === "polygons" && this.points.length > 2) return this.finished(this.points, "The polygon has no area.");
    this.problem = this.kind === "polygons" ? "A polygon needs three corners or more." : "";
    return null;
  }

  finished(shape, problem) {
    const [[x1, y1], [x2, y2]] = boxAround(shape, 0);
    if (x1 < x2 && y1 < y2) {
      this.points = [];
      return shape;
    }
    this.points.pop();
    this.problem = problem;
    return null;
  }
}

// The box around points; `inside` is 1 where they are pixels, which the box holds, and 0 where they are corners.
function boxAround(points, inside) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  return [[Math.min(...xs), Math.min(...ys)], [Math.max(...xs) + inside, Math.max(...ys) + inside]];
}

// The corners that can be moved: those of a polygon, or all four of a box.
const handles = (kind, points) => (kind === "polygons" ? points : [points[0], [points[1][0], points[0][1]], points[1], [points[0][0], points[1][1]]]);

// The shape with corner `index` at `point`; a box turns over where it must.
function moveHandle(kind, points, index, point) {
  if (kind === "polygons") return points.map((corner, at) => (at === index ? point : corner));
  return boxAround([point, handles(kind, points)[(index + 2) % 4]], 0);
}

// The shape moved as a whole, as far as it stays on the image.
function moveShape(points, [dx, dy], { width, height }) {
  const [[x1, y1], [x2, y2]] = boxAround(points, 0);
  const [right, down] = [within(dx, -x1, width - x2), within(dy, -y1, height - y2)];
  return points.map(([x, y]) => [tenth(x + right), tenth(y + down)]);
}

// The nearest of `points` within `reach`: its number, or -1.
function nearest(points, spot, reach) {
  const far = points.map((point) => distance(point, spot));
  const least = Math.min(...far);
  return least <= reach ? far.indexOf(least) : -1;
}

// The edge of a closed line that passes within `reach`: the number of its first corner, or -1.
function nearestEdge(points, spot, reach) {
  const far = points.map((from, at) => toEdge(spot, from, points[(at + 1) % points.length]));
  const least = Math.min(...far);
  return least <= reach ? far.indexOf(least) : -1;
}

function toEdge([x, y], [ax, ay], [bx, by]) {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = length ? within(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1) : 0;
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}

// What is drawn on one image, with every step back. Objects are replaced, never changed.
class Sheet {
  constructor(objects, changed) {
    Object.assign(this, { objects, changed, past: [], future: [] });
  }

  put(objects) {
    this.past.push(this.objects);
    this.future = [];
    this.objects = objects;
    this.changed();
  }

  add = (object) => this.put([...this.objects, object]);
  replace = (index, object) => this.put(this.objects.with(index, object));
  remove = (index) => this.put(this.objects.toSpliced(index, 1));
  undo = () => this.step(this.past, this.future);
  redo = () => this.step(this.future, this.past);

  // One step from one pile to the other; false where there is none.
  step(from, to) {
    if (!from.length) return false;
    to.push(this.objects);
    this.objects = from.pop();
    this.changed();
    return true;
  }
}
