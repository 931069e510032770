// What stands next to the canvas: the clocks, the classes, the objects that are drawn, and the keys.

const clockWords = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const REASONS = { ready: "starts with your first click", paused: "paused", away: "paused while you are away", "": "running" };

// Both clocks in whole seconds. `stopped` is called when the button stops them.
function clockFace(frame, { clocks, noun }, stopped) {
  const object = h("span", { class: "seglib-clock", role: "timer", "aria-live": "off" });
  const whose = h("strong", {});
  const image = h("span", { class: "seglib-quiet", role: "timer", "aria-live": "off" });
  const reason = h("span", { class: "seglib-quiet" });
  const toggle = button(frame, "Pause the clock", "Pause", () => {
    if (clocks.pausedBecause === "paused") clocks.resume();
    else stopped(), clocks.pause("paused");
    show();
  });
  const show = () => {
    const why = clocks.pausedBecause;
    write(object, clockWords(clocks.object.seconds()));
    write(whose, clocks.drawing || why === "ready" ? `this ${noun}` : `last ${noun}`);
    write(image, `${clockWords(clocks.image.seconds())} on this image`);
    write(reason, clocks.image.idle() ? "paused: move to resume" : why || clocks.drawing ? REASONS[why] : "");
    const act = why === "paused" ? "Resume" : "Pause";
    rename(toggle, act, `${act} the clock`);
    toggle.hidden = why === "ready";
  };
  frame.every(250, show);
  show();
  const parts = [h("div", {}, object, h("div", {}, whose, reason)), h("div", {}, image, toggle)];
  return { element: h("div", { class: "seglib-time", role: "group", "aria-label": "Clock" }, parts), show };
}

// The classes, each with the key that selects it.
function classPicker(frame, state) {
  const rows = state.classes.map(({ name, color }, value) =>
    ({ value, name, parts: [colorSwatch(color), h("span", { class: "seglib-grow" }, name), value < 9 ? h("kbd", {}, `${value + 1}`) : null] }));
  return pickList(frame, "Class", rows, { chosen: () => state.label, choose: (label) => state.useClass(label) });
}

// The objects on this image; each can be selected and deleted here.
function objectList(frame, state) {
  const list = h("ol", { class: "seglib-objects" });
  const none = h("p", { class: "seglib-quiet" });
  const element = h("div", { class: "seglib-drawn" }, list, none);
  const row = ({ label, seconds }, index) => {
    const { name, color } = state.classes[label];
    const title = `${state.noun} ${index + 1}, ${name}`;
    const select = button(frame, `Select ${title}`, "", () => (state.select(index), state.changed()));
    select.setAttribute("aria-pressed", index === state.selected);
    select.append(colorSwatch(color), h("span", { class: "seglib-grow" }, `${index + 1} ${name}`), h("span", { class: "seglib-value" }, `${(seconds ?? 0).toFixed(1)} s`));
    const remove = button(frame, `Delete ${title}`, "×", () => (state.select(index), state.remove()));
    return h("li", {}, select, remove);
  };
  let before = "";
  const show = () => {
    const { objects } = state.history;
    const now = JSON.stringify([state.title, state.selected, objects]);
    if (now === before) return; // a list that is rebuilt loses the focus
    before = now;
    const focus = [...list.querySelectorAll("button")].indexOf(document.activeElement);
    list.replaceChildren(...objects.map(row));
    const buttons = list.querySelectorAll("button");
    if (focus >= 0) buttons[Math.min(focus, buttons.length - 1)]?.focus();
    if (state.selected >= 0) keepInView(element, list.children[state.selected]);
    none.textContent = objects.length ? "" : `No ${state.noun} on this image yet.`;
  };
  return { element, show };
}

const KEYS = {
  boxes: ["Drag from corner to corner, or click both corners; or click the four extreme points.", "Click an object's tag to select it, then drag a corner or the whole box."],
  polygons: ["Click corner after corner; the first corner, Enter or a double click closes.", "Click an object's tag to select it, then drag a corner, an edge (a new corner) or the whole."],
};
const SHORTCUTS = [
  ["1 – 9", "class"], ["Ctrl+Z, Ctrl+Y", "undo, redo"], ["Backspace", "remove the last point, or undo"], ["Esc", "cancel, deselect"], ["Delete", "delete the selected corner or object"],
  ["N, P", "next, previous image"], ["+ − 0", "zoom, show all"], ["Shift-drag", "move the image"],
  ["Arrow keys", "move the cross, with Shift by ten"], ["Enter, Space", "set a point"], ["O, V", "next object, next corner"], ["M", "pick up, put down"],
];

function help(kind) {
  const summary = h("summary", { "data-lm-suppress-shortcuts": "true" }, "How to draw, and keys");
  const keys = h("dl", {}, SHORTCUTS.map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what))));
  return h("details", { class: "seglib-help" }, summary, KEYS[kind].map((text) => h("p", {}, text)), keys);
}
