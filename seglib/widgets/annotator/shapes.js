// Shapes in image coordinates, and how they are painted. A box is two corners [[x1, y1], [x2, y2]], x2 and y2 exclusive;
// a polygon is its corners.

const distance = ([x, y], [u, v]) => Math.hypot(x - u, y - v);
const tenth = (value) => Math.round(10 * value) / 10;

// The box around points; `inside` is 1 where they are pixels, which the box holds, and 0 where they are corners.
function boxAround(points, inside) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  return [[Math.min(...xs), Math.min(...ys)], [Math.max(...xs) + inside, Math.max(...ys) + inside]];
}

const hasArea = (points) => boxAround(points, 0).reduce(([x1, y1], [x2, y2]) => x1 < x2 && y1 < y2);

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

// The place of the smallest of some distances, if it is within `reach`; else -1.
const nearest = (distances, reach) => distances.findIndex((one) => one <= reach && one === Math.min(...distances));

// From a spot to each edge of a closed line.
const toEdges = (points, spot) => points.map((from, at) => toEdge(spot, from, points[(at + 1) % points.length]));

function toEdge([x, y], [ax, ay], [bx, by]) {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = length ? within(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1) : 0;
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}

// Whether a spot is inside of a closed line: it is where a ray from it crosses the line an odd number of times.
function contains(points, [x, y]) {
  return points.reduce((inside, [ax, ay], at) => {
    const [bx, by] = points[(at + 1) % points.length];
    return ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax) ? !inside : inside;
  }, false);
}

// Painting, on a canvas context in CSS pixels. `at` turns a point of the image into one of the canvas.

const line = (context, points, closed) => {
  context.beginPath();
  points.forEach(([x, y]) => context.lineTo(x, y));
  if (closed) context.closePath();
};

// Dark below, the colour above: seen on any image.
function stroke(context, color, width, dash = []) {
  for (const [strokeStyle, lineWidth, pattern] of [["rgb(0 0 0 / .6)", width + 2, []], [color, width, dash]]) {
    context.setLineDash(pattern);
    Object.assign(context, { strokeStyle, lineWidth, lineJoin: "round" });
    context.stroke();
  }
  context.setLineDash([]);
}

function paintShape(context, { points, kind, color, selected }, at) {
  line(context, handles(kind, points).map(at), true);
  context.fillStyle = `rgb(${color} / ${selected ? 0.35 : 0.18})`;
  context.fill();
  stroke(context, `rgb(${color})`, selected ? 3 : 2);
}

// The tag with the object's number and class stands on its upper left corner, inside where there is no room above.
// Returns where it is: [left, top, width, height] in CSS pixels.
function paintTag(context, { points, kind, color, text, ink }, at) {
  const [[left, top]] = boxAround(handles(kind, points).map(at), 0);
  context.font = "600 11px system-ui, sans-serif";
  const width = context.measureText(text).width + 10;
  const place = [within(left - 1, 0, context.canvas.clientWidth - width), top < 18 ? Math.max(top, 0) : top - 17, width, 17];
  context.fillStyle = `rgb(${color})`;
  context.fillRect(...place);
  context.fillStyle = ink;
  context.fillText(text, place[0] + 5, place[1] + 12.5);
  return place;
}

// A corner that can be dragged.
function paintKnob(context, [x, y], radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  Object.assign(context, { fillStyle: "#fff", strokeStyle: "#000", lineWidth: 1.5 });
  context.fill();
  context.stroke();
}

function paintDrawing(context, { kind, tool, points }, at, next) {
  const set = points.map(at);
  const rectangle = kind === "boxes" && tool === "drag" && next;
  if (rectangle) line(context, handles(kind, [set[0], next]), true);
  else line(context, kind === "polygons" && next ? [...set, next] : set, false);
  if (rectangle || kind === "polygons") stroke(context, "#fff", 2, [6, 4]);
  const large = kind === "polygons" && points.length > 2; // here it closes
  set.forEach((point, index) => paintKnob(context, point, large && index === 0 ? 7 : 4));
}

// Guide lines through the pointer help to touch the object's edge; the keyboard's cross is drawn strong.
function paintCross(context, [x, y], { clientWidth, clientHeight }, strong) {
  for (const ends of [[[0, y], [clientWidth, y]], [[x, 0], [x, clientHeight]]]) {
    line(context, ends, false);
    if (strong) stroke(context, "#fff", 1);
    else Object.assign(context, { strokeStyle: "rgb(255 255 255 / .7)", lineWidth: 1 }), context.stroke();
  }
}
