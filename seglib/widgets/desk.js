// What lies beside the easel: classes to choose from, what is drawn, and the keys.

const swatchOf = ({ color }) => h("span", { class: "seglib-dot", style: `background: rgb(${color.join(" ")})`, "aria-hidden": "true" });

// Radio buttons, one a class, with the key that chooses it.
function classPicker(frame, studio) {
  const group = `seglib-${Math.random().toString(36).slice(2)}`;
  const inputs = studio.classes.map((_, label) => h("input", { type: "radio", name: group, value: label }));
  inputs.forEach((input, label) => frame.on(input, "change", () => studio.useClass(label)));
  const rows = studio.classes.map((one, label) =>
    h("label", { class: "seglib-class" }, inputs[label], swatchOf(one), h("span", { class: "seglib-grow" }, one.name), label < 9 ? h("kbd", {}, `${label + 1}`) : null));
  const show = () => inputs.forEach((input, label) => (input.checked = label === studio.label));
  return { element: h("div", { class: "seglib-classes", role: "radiogroup", "aria-label": "Class" }, rows), show };
}

// The objects on this image; each can be chosen and deleted here.
function objectList(frame, studio) {
  const list = h("ol", { class: "seglib-objects" });
  const none = h("p", { class: "seglib-quiet" });
  const row = ({ label, seconds }, index) => {
    const one = studio.classes[label];
    const title = `${studio.noun} ${index + 1}, ${one.name}`;
    const choose = button(frame, `Choose ${title}`, "", () => (studio.choose(index), studio.changed()));
    choose.setAttribute("aria-pressed", index === studio.selected);
    choose.append(swatchOf(one), h("span", { class: "seglib-grow" }, `${index + 1} ${one.name}`), h("span", { class: "seglib-value" }, `${(seconds ?? 0).toFixed(1)} s`));
    const remove = button(frame, `Delete ${title}`, "×", () => (studio.choose(index), studio.remove()));
    return h("li", {}, choose, remove);
  };
  let before = "";
  const show = () => {
    const now = JSON.stringify([studio.title, studio.selected, studio.sheet.objects]);
    if (now === before) return; // a list that is rebuilt loses the focus
    before = now;
    const focus = [...list.querySelectorAll("button")].indexOf(document.activeElement);
    list.replaceChildren(...studio.sheet.objects.map(row));
    const buttons = list.querySelectorAll("button");
    if (focus >= 0) buttons[Math.min(focus, buttons.length - 1)]?.focus();
    inView(list.parentNode, list.children[studio.selected]);
    none.textContent = studio.sheet.objects.length ? "" : `No ${studio.noun} on this image yet.`;
  };
  return { element: h("div", { class: "seglib-drawn" }, list, none), show };
}

// Scrolls `frame` as little as it takes to show `node`, and nothing else on the page.
function inView(frame, node) {
  if (!frame || !node) return;
  const [first, last] = [node.offsetTop + node.offsetHeight - frame.clientHeight, node.offsetTop];
  frame.scrollTop = Math.max(first, Math.min(last, frame.scrollTop));
}

const KEYS = {
  boxes: ["Drag from corner to corner, or click both corners; or click the four extreme points.", "Click an object's tag to choose it, then drag a corner or the whole box."],
  polygons: ["Click corner after corner; the first corner, Enter or a double click closes.", "Click an object's tag to choose it, then drag a corner, an edge (a new corner) or the whole."],
};
const SHORTCUTS = [
  ["1 – 9", "class"], ["Ctrl Z, Ctrl Y", "undo, do again"], ["Backspace", "last point away"], ["Esc", "let go"], ["Delete", "delete what is chosen"],
  ["N, P", "next, previous image"], ["+ − 0", "zoom, show all"], ["Shift-drag", "move the image"],
  ["Arrow keys", "move the cross, with Shift by ten"], ["Enter, Space", "set a point"], ["O, V", "next object, next corner"], ["M", "pick up, put down"],
];

function help(kind) {
  const summary = h("summary", { "data-lm-suppress-shortcuts": "true" }, "How to draw, and keys");
  const keys = SHORTCUTS.map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)));
  return h("details", { class: "seglib-help" }, summary, KEYS[kind].map((text) => h("p", {}, text)), h("dl", {}, keys));
}
