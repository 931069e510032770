// The parts every widget is made of: a card that shows its own errors, and controls tied to the model's traits.
// Every control is a real form element with a name. JupyterLab takes the arrow keys away from whatever has the focus
// in an output; `data-lm-suppress-shortcuts` on the element itself (an ancestor is not enough) gives them back.

const percent = (share) => `${Math.round(100 * share)} %`;
const FOCUSABLE = new Set(["input", "button"]);

// An element: h("p", {class: "quiet"}, "text", child).
function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (FOCUSABLE.has(tag)) node.dataset.lmSuppressShortcuts = "true";
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

// A card in `el`. Whatever goes wrong in a listener, here or in Python, is shown in its alert, then thrown again.
function card({ model, el }, name) {
  const leave = new AbortController();
  const onClose = (act) => leave.signal.addEventListener("abort", act);
  const alert = h("p", { class: "seglib-alert", role: "alert", hidden: true });
  const root = h("section", { class: "seglib-card", "aria-label": name }, alert);
  const tell = (text) => ((alert.textContent = text), (alert.hidden = !text));
  const fail = (error) => tell(`${error?.message ?? error}`);

  const guard = (listener) => (...args) => {
    try {
      return listener(...args);
    } catch (error) {
      fail(error);
      throw error;
    }
  };
  const watch = (traits, listener) => {
    const events = traits.map((trait) => `change:${trait}`);
    const guarded = guard(listener);
    events.forEach((event) => model.on(event, guarded));
    onClose(() => events.forEach((event) => model.off(event, guarded)));
  };
  const follow = (traits, show) => (watch(traits, show), show()); // shows now, and whenever a trait changes
  const on = (node, type, listener, options = {}) =>
    node.addEventListener(type, guard(listener), { signal: leave.signal, ...options });

  // The image follows the model at once; ipywidgets holds messages back while the kernel is busy, and drops its
  // echoes of older values. (Saving later, on a timer of our own, let such an echo undo what came after it.)
  const set = (trait, value) => (model.set(trait, value), model.save_changes());

  const every = (milliseconds, act) => {
    const timer = setInterval(guard(act), milliseconds);
    onClose(() => clearInterval(timer));
  };
  const onResize = (node, act) => {
    const observer = new ResizeObserver(guard(act));
    observer.observe(node);
    onClose(() => observer.disconnect());
  };

  // At most one painting per frame, however many events ask for it.
  const everyFrame = (paint) => {
    let pending = 0;
    const guarded = guard(() => ((pending = 0), paint()));
    onClose(() => cancelAnimationFrame(pending));
    return () => (pending ||= requestAnimationFrame(guarded));
  };

  watch(["error"], () => tell(model.get("error")));
  tell(model.get("error"));
  // JupyterLab leaves cells out of the Tab order: from the last control Tab comes here, and goes on to the next cell.
  const end = h("span", { tabindex: 0, role: "link", "aria-label": "To the next cell" });
  on(end, "focus", ({ relatedTarget }) => root.contains(relatedTarget) && el.closest(".jp-Cell")?.nextElementSibling?.focus());
  el.replaceChildren(root, end);
  return { model, el, root, fail, guard, watch, follow, on, set, every, everyFrame, onResize, onClose, close: () => leave.abort() };
}

// What a front end calls: an object with `render`. `show(card)` fills the card.
function widget(name, show) {
  const render = async (context) => {
    const frame = card(context, name);
    try {
      await show(frame);
    } catch (error) {
      frame.close(); // what was registered before; the card stays, and says what is wrong
      frame.fail(error);
      throw error;
    }
    return frame.close;
  };
  return { render };
}

// Text and names are touched only where they change: a browser lays a page out anew for each, and reads it aloud.
const write = (node, text) => node.textContent === text || (node.textContent = text);
const label = (node, text) => node.getAttribute("aria-label") === text || node.setAttribute("aria-label", text);

const capital = (text) => text[0].toUpperCase() + text.slice(1);

// A slider; its `show(value, words)` moves it, with the value in words next to it.
function slider(card, name, attributes, moved) {
  const input = h("input", { type: "range", "aria-label": name, ...attributes });
  const output = h("output", { class: "seglib-value", "aria-hidden": "true" });
  card.on(input, "input", () => moved(input.valueAsNumber));
  const show = (value, words) => {
    input.value = value;
    write(output, words);
    input.setAttribute("aria-valuetext", words);
  };
  return { element: h("label", { class: "seglib-slider" }, h("span", {}, name), input, output), input, show };
}

function opacitySlider(card) {
  const { element, show } = slider(card, "Opacity", { min: 0, max: 1, step: 0.01 }, (value) => card.set("opacity", value));
  card.follow(["opacity"], () => show(card.model.get("opacity"), percent(card.model.get("opacity"))));
  return element;
}

// A tick box.
function tick(card, trait, label) {
  const input = h("input", { type: "checkbox" });
  card.on(input, "change", () => card.set(trait, input.checked));
  card.follow([trait], () => (input.checked = card.model.get(trait)));
  return h("label", { class: "seglib-tick" }, input, h("span", {}, label));
}

function button(card, label, text, press) {
  const node = h("button", { type: "button", "aria-label": label, title: label }, text);
  card.on(node, "click", press);
  return node;
}

// Another text and name for a button that pauses and resumes.
function rename(button, text, name) {
  write(button, text);
  label(button, name);
  button.title = name;
}
