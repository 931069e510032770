// The stage: one canvas per panel. All panels share zoom, centre and the read-out's cursor, by pointer and by keyboard.
// Its traits: opacity, zoom, center ([x, y] in image pixels), height (CSS pixels). The cursor never leaves the page.

const HINT = "Point at the image, or focus it and press the arrow keys.";
const HELP = "Arrow keys move the read-out, with Shift by ten. Plus and minus zoom, 0 shows all, Escape lets go.";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LARGEST_ZOOM = 32;
const FRAME = 34; // the card's padding and border, GAP and SIDE_GAP those of widget.css
const GAP = 12;
const SIDE_GAP = 24;
const NARROW = 620; // less room than this, and the side goes below the image
const NARROWEST = 200; // a panel in CSS pixels, before the next one goes below it

// Calls `act` when the page comes to a screen with other pixels, or is zoomed.
function onOtherScreen(frame, act) {
  const wait = () => {
    const screen = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    frame.on(screen, "change", () => (wait(), act()), { once: true });
  };
  wait();
}

const within = (value, low, high) => Math.min(high, Math.max(low, value));

// A place in the whole image, of which one of every `stride` pixels across and down is shown.
const pixelWords = ({ stride }, x, y) => `x ${x * stride}, y ${y * stride}`;

class Stage {
  cursor = null; // [x, y], the image pixel that is read out
  wholePixels = true; // a magnified image is so by a whole number, so that its pixels stay alike

  // `shown()` lists the panels: { title, words, layer, bare: without a caption, boxes }. `readOut([x, y])` says what is at a pixel.
  // `side` stands next to the image, or below it where there is little room.
  constructor(frame, scene, { shown, readOut, panels, side }) {
    Object.assign(this, { frame, scene, shown, readOut, side, fit: 1 });
    this.panels = Array.from({ length: panels }, () => this.panel());
    this.grid = h("div", { class: "seglib-stage" });
    this.words = h("output", { class: "seglib-readout", role: "status" });
    this.main = h("div", { class: "seglib-main" }, this.grid, this.words);
    this.element = h("div", { class: "seglib-body" }, this.main, side);
    this.paint = frame.everyFrame(() => this.paintNow());
    frame.watch(["opacity", "zoom", "center"], this.paint);
    frame.watch(["height"], () => this.layout());
    onOtherScreen(frame, () => this.layout());
    frame.onResize(frame.el, () => this.layout());
  }

  get = (trait) => this.frame.model.get(trait);
  set = (trait, value) => this.frame.set(trait, value);

  panel() {
    const canvas = h("canvas", { role: "img", tabindex: "0", "aria-description": HELP, "data-lm-suppress-shortcuts": "true" });
    const mark = h("span", { class: "seglib-mark", hidden: true });
    const caption = h("figcaption");
    const figure = h("figure", {}, h("div", { class: "seglib-canvas" }, canvas, mark), caption);
    this.listenToPointer(canvas);
    this.listenToWheel(canvas);
    this.frame.on(canvas, "keydown", (event) => this.press(event));
    return { canvas, mark, caption, figure };
  }

  // As large as the room and `height` allow.
  layout() {
    const outside = this.frame.el.clientWidth - FRAME;
    if (outside < 0) return; // not on the page yet
    const narrow = outside < NARROW;
    this.frame.root.classList.toggle("seglib-narrow", narrow);
    const room = narrow ? outside : outside - this.side.offsetWidth - SIDE_GAP;
    const { width, height } = this.scene;
    const count = this.shown().length;
    const columns = within(Math.floor(room / NARROWEST), 1, count);
    const fit = Math.min((room - GAP * (columns - 1)) / columns / width, this.get("height") / height);
    this.fit = this.wholePixels && fit > 2 ? Math.floor(fit) : fit;
    const [across, down] = [Math.round(this.fit * width), Math.round(this.fit * height)];
    this.grid.style.gridTemplateColumns = `repeat(${columns}, ${across}px)`;
    this.ratio = devicePixelRatio; // of the screen that the canvases are sized for
    for (const { canvas } of this.panels) {
      Object.assign(canvas, { width: Math.round(across * this.ratio), height: Math.round(down * this.ratio) });
      Object.assign(canvas.style, { width: `${across}px`, height: `${down}px` });
    }
    this.words.style.maxWidth = `${columns * (across + GAP) - GAP}px`;
    const figures = this.panels.slice(0, count).map(({ figure }) => figure);
    if (figures.length !== this.grid.children.length) this.grid.replaceChildren(...figures); // keeps the focus
    this.paintNow(); // a canvas is empty once its size is set
  }

  paintNow() {
    if (devicePixelRatio !== this.ratio) return this.layout(); // which paints
    const { scale, left, top } = this.place();
    const { cursor, ratio } = this;
    const shown = this.shown();
    shown.forEach(({ title, words, layer, bare, boxes }, index) => {
      const { canvas, mark, caption } = this.panels[index];
      canvas.style.touchAction = this.get("zoom") > 1 ? "none" : "pan-y"; // a finger drags what is magnified
      drawLayers(canvas, { scale, left, top, ratio }, this.scene.image, layer, this.get("opacity"));
      if (boxes) drawBoxes(canvas, { scale, left, top, ratio }, boxes);
      label(canvas, `${title}: ${words}`);
      write(caption, title);
      caption.hidden = bare;
      mark.hidden = !cursor;
      if (!cursor) return;
      const size = Math.max(scale, 7);
      const edge = (corner, at) => `${corner + (at + 0.5) * scale - size / 2}px`;
      Object.assign(mark.style, { width: `${size}px`, height: `${size}px`, left: edge(left, cursor[0]), top: edge(top, cursor[1]) });
    });
    write(this.words, cursor ? this.readOut(cursor) : this.hint(HINT));
    this.words.classList.toggle("seglib-quiet", !cursor);
  }

  // What is said while no pixel is read out: also which pixels of a large image are shown.
  hint(words) {
    return this.scene.note ? `${words} ${this.scene.note}` : words;
  }

  // Where the image lies on its canvas in CSS pixels. It never leaves its canvas, whatever the centre says.
  place() {
    const scale = this.fit * this.get("zoom");
    const corner = (centre, length) =>
      within((this.fit * length) / 2 - centre * scale, this.fit * length - scale * length, 0);
    const [x, y] = this.get("center");
    return { scale, left: corner(x, this.scene.width), top: corner(y, this.scene.height) };
  }

  // The centre that is really shown.
  center() {
    const { scale, left, top } = this.place();
    return [((this.fit * this.scene.width) / 2 - left) / scale, ((this.fit * this.scene.height) / 2 - top) / scale];
  }

  // The point `x, y` stays where it is.
  zoomBy(factor, [x, y] = this.cursor ?? this.center()) {
    const before = this.get("zoom");
    const zoom = within(before * factor, 1, LARGEST_ZOOM);
    const [cx, cy] = this.center();
    this.set("zoom", zoom);
    this.set("center", [x + ((cx - x) * before) / zoom, y + ((cy - y) * before) / zoom]);
  }

  showAll() {
    this.set("zoom", 1);
    this.set("center", [this.scene.width / 2, this.scene.height / 2]);
  }

  pointAt(cursor) {
    this.cursor = cursor;
    this.paint();
  }

  moveTo([x, y]) {
    const { width, height } = this.scene;
    this.pointAt([within(Math.floor(x), 0, width - 1), within(Math.floor(y), 0, height - 1)]);
  }

  listenToPointer(canvas) {
    const on = (type, listener) => this.frame.on(canvas, type, listener);
    let grip = null; // the image point that is being dragged
    let pointing = false;
    on("pointerdown", (event) => {
      if (this.get("zoom") === 1) return;
      grip = this.spot(event);
      canvas.setPointerCapture(event.pointerId);
    });
    on("pointermove", (event) => {
      const [x, y] = this.spot(event);
      pointing = true;
      if (!grip) return this.moveTo([x, y]);
      const [cx, cy] = this.center();
      this.set("center", [cx + grip[0] - x, cy + grip[1] - y]);
    });
    ["pointerup", "pointercancel"].forEach((type) => on(type, () => (grip = null)));
    on("pointerleave", () => {
      if (pointing) this.pointAt(null); // a cursor that the keyboard put there stays
      pointing = false;
    });
  }

  // A page that scrolls must not stick to an image: the wheel zooms with Ctrl, or once the image has the focus.
  listenToWheel(canvas) {
    const zoom = (event) => {
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.zoomBy(wheelZoom(event), this.spot(event));
    };
    this.frame.on(canvas, "wheel", zoom, { passive: false });
  }

  spot(event) {
    const { scale, left, top } = this.place();
    return [(event.offsetX - left) / scale, (event.offsetY - top) / scale];
  }

  // What each key does, the arrows apart.
  keys() {
    return {
      "+": () => this.zoomBy(1.5),
      "=": () => this.zoomBy(1.5),
      "-": () => this.zoomBy(1 / 1.5),
      0: () => this.showAll(),
      Escape: () => this.pointAt(null),
    };
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = event.key in ARROWS ? () => this.step(ARROWS[event.key], event.shiftKey ? 10 : 1) : this.keys(event)[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  // The view follows a cursor that walks off the canvas.
  step([right, down], pixels) {
    const { width, height } = this.scene;
    const [x, y] = this.cursor ?? [width / 2, height / 2];
    this.moveTo([x + pixels * right, y + pixels * down]);
    const { scale, left, top } = this.place();
    const [newX, newY] = this.cursor;
    const off = (at, length) => at < 0 || at + scale > this.fit * length;
    if (off(left + newX * scale, width) || off(top + newY * scale, height)) this.set("center", [newX, newY]);
  }
}

// A mouse's wheel turns by 100 or so, a trackpad by a few pixels many times: the zoom follows the distance, not the
// number of events. Two fingers that spread arrive as a wheel with Ctrl, in small steps.
function wheelZoom({ deltaY, deltaMode, ctrlKey }) {
  const pixels = deltaY * (deltaMode ? 33 : 1) * (ctrlKey ? 10 : 1);
  return 1.2 ** (-within(pixels, -100, 100) / 100);
}

function zoomButtons(frame, stage) {
  const words = h("output", { class: "seglib-value", "aria-label": "Zoom" });
  frame.follow(["zoom"], () => (words.textContent = percent(frame.model.get("zoom"))));
  return h("div", { class: "seglib-zoom", role: "group", "aria-label": "Zoom" },
    button(frame, "Zoom out", "−", () => stage.zoomBy(1 / 1.5)),
    words,
    button(frame, "Zoom in", "+", () => stage.zoomBy(1.5)),
    button(frame, "Show all", "Fit", () => stage.showAll()));
}
