// The annotator: images one after the other, an easel, a clock, classes and a list of what is drawn.
// Traits: index, tool, work (a list of { objects, seconds }, one an image), turn, kept, saved, wanted, fetched, zoom,
// center, height.

const TOOLS = [["drag", "Corner to corner"], ["extreme", "Four extreme points"]];

async function annotator(frame) {
  const { model, watch, set } = frame;
  const { kind, names, classes } = model.get("data");
  const parts = []; // what shows the state of the studio: { show }
  const studio = new Studio({
    kind,
    classes,
    time: new Timekeeper(() => performance.now() / 1000),
    say: (text) => (easel.words.textContent = text),
    changed: () => parts.forEach(({ show }) => show()),
  });
  const record = new Record(frame, studio);
  const gallery = new Gallery(frame);

  const face = clockFace(frame, studio, () => record.leave());
  const [picker, list] = [classPicker(frame, studio), objectList(frame, studio)];
  const side = h("div", { class: "seglib-side" }, face.element, picker.element, list.element, help(kind));
  const easel = new Easel(frame, studio, side);
  parts.push(face, picker, list, { show: easel.paint });

  const turnTo = async (index) => {
    record.leave();
    studio.say(`${names[index]} is on its way.`);
    const scene = await gallery.image(index);
    if (index !== model.get("index")) return; // the student has gone on meanwhile
    record.open(index, { ...scene, title: names[index] });
    easel.turnTo(scene);
    studio.tell("");
    if (index + 1 < names.length) gallery.image(index + 1);
  };
  const turn = () => turnTo(model.get("index")).catch(frame.guard((error) => { throw error; }));
  watch(["index"], turn);
  watch(["work"], () => record.refresh() && studio.changed());
  watch(["tool"], () => studio.useTool(model.get("tool")));

  const go = (step) => set("index", within(model.get("index") + step, 0, names.length - 1));
  listenToKeys(frame, studio, go);
  listenToAbsence(frame, () => record.leave());
  studio.useTool(model.get("tool"));

  frame.root.classList.add("seglib-annotator");
  frame.root.append(
    h("div", { class: "seglib-bar" },
      pager(frame, names, go),
      kind === "boxes" ? choice(frame, "tool", "How to draw a box", TOOLS) : null,
      h("div", { class: "seglib-pager" }, button(frame, "Undo (Ctrl Z)", "Undo", studio.undo), button(frame, "Do again (Ctrl Shift Z)", "Redo", studio.redo)),
      zoomButtons(frame, easel)),
    easel.element);
  easel.words.after(savedLine(frame));
  await turn();
}

// Which image this is, with a button to either side.
function pager(frame, names, go) {
  const place = h("span", { class: "seglib-value" });
  const show = () => {
    const index = frame.model.get("index");
    place.textContent = `${index + 1} of ${names.length}`;
    place.title = names[index];
  };
  frame.watch(["index"], show);
  show();
  return h("div", { class: "seglib-pager", role: "group", "aria-label": "Image" },
    button(frame, "Previous image (P)", "‹", () => go(-1)), place, button(frame, "Next image (N)", "›", () => go(1)));
}

// Keys that mean the same wherever in the widget the focus is.
function listenToKeys(frame, studio, go) {
  const plain = { n: () => go(1), p: () => go(-1), o: () => studio.nextObject(1), O: () => studio.nextObject(-1) };
  const held = { z: studio.undo, Z: studio.redo, y: studio.redo };
  const press = (event) => {
    const label = Number(event.key) - 1;
    const known = (event.ctrlKey || event.metaKey ? held : plain)[event.key];
    const act = known ?? (studio.classes[label] && !event.ctrlKey && !event.altKey ? () => studio.useClass(label) : null);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    studio.touch();
    act();
  };
  frame.on(frame.root, "keydown", press);
}

// The page is hidden, the window loses the focus, or the focus leaves the widget: nobody draws.
function listenToAbsence(frame, leave) {
  frame.on(window, "blur", leave);
  frame.on(document, "visibilitychange", () => document.hidden && leave());
  frame.on(frame.root, "focusout", ({ relatedTarget }) => frame.root.contains(relatedTarget) || leave());
  frame.onClose(leave);
}

export default widget("Annotator", annotator);
