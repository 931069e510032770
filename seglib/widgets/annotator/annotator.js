// The annotator: images one after the other, a canvas, clocks, classes and a list of what is drawn. Its traits: index, tool,
// work (a list of { objects, seconds }, one per image), change, saved_change, status, requested, fetched, zoom, center, height.

const TOOLS = [["drag", "Corner to corner"], ["extreme", "Four extreme points"]];
const CACHED = 6; // images that are kept ready
const PATIENCE = 4000; // milliseconds
const LATE = "Not saved yet: the kernel is busy, or it has stopped. If it was restarted, run this cell again before you continue.";

async function annotator(frame) {
  const { model, watch, set } = frame;
  const { kind, names, classes } = model.get("data");
  const parts = []; // what shows the state: { show }
  const state = new AnnotationState({
    kind,
    classes,
    clocks: new Clocks(() => performance.now() / 1000),
    say: (text) => (canvas.words.textContent = text),
    changed: () => parts.forEach(({ show }) => show()),
  });
  const sync = new Sync(frame, state);
  const gallery = new Gallery(frame);

  const face = clockFace(frame, state, () => sync.leave());
  const [picker, list] = [classPicker(frame, state), objectList(frame, state)];
  const side = h("div", { class: "seglib-side" }, face.element, picker.element, list.element, help(kind));
  const canvas = new DrawingCanvas(frame, state, side);
  parts.push(face, picker, list, { show: canvas.paint });

  const open = async () => {
    const index = model.get("index");
    sync.leave();
    state.say(`Loading ${names[index]}…`);
    const scene = await gallery.image(index);
    if (index !== model.get("index")) return; // another image was opened meanwhile
    sync.open(index, { ...scene, title: names[index] });
    canvas.open(scene);
    state.announce("");
    if (index + 1 < names.length) gallery.image(index + 1);
  };
  watch(["index"], () => open().catch(frame.guard((error) => { throw error; })));
  watch(["work"], () => sync.refresh() && state.changed());
  frame.follow(["tool"], () => state.useTool(model.get("tool")));

  const go = (step) => set("index", within(model.get("index") + step, 0, names.length - 1));
  listenToKeys(frame, state, go);
  listenToAbsence(frame, () => sync.leave());

  frame.root.classList.add("seglib-annotator");
  frame.root.append(
    h("div", { class: "seglib-bar" },
      pager(frame, names, go),
      kind === "boxes" ? choice(frame, "tool", "How to draw a box", TOOLS) : null,
      h("div", { class: "seglib-pager" }, button(frame, "Undo (Ctrl+Z)", "Undo", state.undo), button(frame, "Redo (Ctrl+Shift+Z)", "Redo", state.redo)),
      zoomButtons(frame, canvas)),
    canvas.element);
  canvas.words.after(savedLine(frame));
  await open();
}

// Which image this is, with a button on either side.
function pager(frame, names, go) {
  const place = h("span", { class: "seglib-value" });
  const show = () => {
    const index = frame.model.get("index");
    place.textContent = `${index + 1} of ${names.length}`;
    place.title = names[index];
  };
  frame.follow(["index"], show);
  return h("div", { class: "seglib-pager", role: "group", "aria-label": "Image" },
    button(frame, "Previous image (P)", "‹", () => go(-1)), place, button(frame, "Next image (N)", "›", () => go(1)));
}

// Keys that mean the same wherever in the widget the focus is.
function listenToKeys(frame, state, go) {
  const plain = { n: () => go(1), p: () => go(-1), o: () => state.nextObject(1), O: () => state.nextObject(-1) };
  const held = { z: state.undo, Z: state.redo, y: state.redo };
  frame.on(frame.root, "keydown", (event) => {
    const label = Number(event.key) - 1;
    const known = (event.ctrlKey || event.metaKey ? held : plain)[event.key];
    const act = known ?? (state.classes[label] && !event.ctrlKey && !event.altKey ? () => state.useClass(label) : null);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    state.clocks.touch();
    act();
  });
}

// The page is hidden, the window loses the focus, or the focus leaves the widget: the student is away.
function listenToAbsence(frame, leave) {
  frame.on(window, "blur", leave);
  frame.on(document, "visibilitychange", () => document.hidden && leave());
  frame.on(frame.root, "focusout", ({ relatedTarget }) => frame.root.contains(relatedTarget) || leave());
  frame.onClose(leave);
}

// Images come from the kernel one at a time: the trait `requested` asks for one, `fetched` brings it.
class Gallery {
  constructor(frame) {
    Object.assign(this, { frame, cached: new Map(), waiting: new Map() });
    frame.watch(["fetched"], () => this.arrived());
    frame.watch(["error"], () => this.giveUp());
  }

  // A promise of { image, width, height }.
  image(index) {
    if (!this.cached.has(index)) {
      if (this.cached.size >= CACHED) this.cached.delete(this.cached.keys().next().value);
      this.cached.set(index, new Promise((resolve) => this.waiting.set(index, resolve)));
      if (!this.arrived()) this.ask(index);
    }
    return this.cached.get(index);
  }

  ask = (index) => this.frame.set("requested", [index, Date.now()]); // the time makes every request a new value

  // Takes what came, if it was asked for.
  arrived() {
    const { index, image, width, height } = this.frame.model.get("fetched");
    const resolve = this.waiting.get(index);
    if (!this.waiting.delete(index)) return false;
    resolve(createImageBitmap(new Blob([image])).then((bitmap) => ({ image: bitmap, width, height })));
    if (this.waiting.size) this.ask(this.waiting.keys().next().value);
    return true;
  }

  // An image that could not be read will not come; it may be asked for again.
  giveUp() {
    if (!this.frame.model.get("error")) return;
    for (const index of this.waiting.keys()) this.cached.delete(index);
    this.waiting.clear();
  }
}

// Keeps the trait `work` and what is drawn alike. Objects are drawn in the history of the open image; once it changes, or
// the clock has run and is paused, the work is written, and Python saves it.
class Sync {
  constructor(frame, state) {
    Object.assign(this, { frame, state, index: -1, histories: new Map(), written: null });
  }

  work = () => this.frame.model.get("work");

  // Shows the image `index`, with its undo steps if it was open before.
  open(index, scene) {
    if (!this.histories.has(index)) this.histories.set(index, new History(this.work()[index].objects, () => this.write()));
    this.index = index;
    this.state.clocks.open(this.work()[index].seconds);
    this.state.open(scene, this.histories.get(index));
  }

  write() {
    if (this.index < 0) return;
    const seconds = tenth(this.state.clocks.image.seconds());
    this.written = this.work().with(this.index, { objects: this.state.history.objects, seconds });
    this.frame.set("change", Date.now()); // Python answers with the same number once it has saved
    this.frame.set("work", this.written);
  }

  // The student is away: the clocks pause, and what they have counted is saved.
  leave() {
    if (this.index < 0) return;
    this.state.clocks.pause("away");
    if (tenth(this.state.clocks.image.seconds()) !== this.work()[this.index].seconds) this.write();
  }

  // Python or another view has changed the work: the histories begin anew. False if the change was our own, also where a
  // front end sends it back as a copy.
  refresh() {
    if (this.index < 0 || this.work() === this.written || JSON.stringify(this.work()) === JSON.stringify(this.written)) return false;
    this.histories.clear();
    this.open(this.index, { ...this.state.size, title: this.state.title });
    return true;
  }
}

// How much is saved, in Python's words; and a warning where Python has not answered for a while.
function savedLine({ model, follow, every }) {
  const line = h("p", { class: "seglib-saved seglib-says seglib-quiet", role: "status" });
  const show = () => {
    const late = model.get("saved_change") !== model.get("change") && Date.now() - model.get("change") > PATIENCE;
    write(line, late ? LATE : model.get("status"));
  };
  follow(["saved_change", "status"], show);
  every(1000, show);
  return line;
}

export default widget("Annotator", annotator);
