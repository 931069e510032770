// One of several: radio buttons, which the arrow keys go through, or the stops of a slider.

// A trait as what `radios`, `pickList` and `stopSlider` read and set.
const bound = (frame, trait) => ({ chosen: () => frame.model.get(trait), choose: (value) => frame.set(trait, value), watch: (show) => frame.watch([trait], show) });

// Radio buttons for `options`, { value, name }; `chosen()` is a value and `choose(value)` sets it.
function radios(frame, options, { chosen, choose, watch }) {
  const group = `seglib-${Math.random().toString(36).slice(2)}`;
  const inputs = options.map(({ value, name }) => h("input", { type: "radio", name: group, value, "aria-label": name }));
  inputs.forEach((input, k) => frame.on(input, "change", () => choose(options[k].value)));
  const show = () => inputs.forEach((input, k) => (input.checked = options[k].value === chosen()));
  watch?.(show);
  show();
  return { inputs, show };
}

// Radio buttons that look like one segmented control; `options` are [value, text].
function segmented(frame, name, options, bind) {
  const { inputs, show } = radios(frame, options.map(([value, text]) => ({ value, name: text })), bind);
  const parts = options.map(([, text], k) => h("label", {}, inputs[k], h("span", {}, text)));
  return { element: h("div", { class: "seglib-choice", role: "radiogroup", "aria-label": name }, parts), show };
}

const choice = (frame, trait, name, options) => segmented(frame, name, options, bound(frame, trait)).element;

// A list whose rows are { value, name, parts: what the row shows }.
function pickList(frame, name, rows, bind) {
  const { inputs } = radios(frame, rows, { ...bind, watch: null });
  const elements = rows.map(({ parts }, k) => h("label", { class: "seglib-pick" }, inputs[k], parts));
  const list = h("div", { class: "seglib-picks", role: "radiogroup", "aria-label": name }, elements);
  const show = () => elements.forEach((element, k) => {
    inputs[k].checked = rows[k].value === bind.chosen();
    element.toggleAttribute("data-chosen", inputs[k].checked);
    if (inputs[k].checked) keepInView(list, element);
  });
  bind.watch?.(show);
  show();
  return { element: list, elements, inputs, show };
}

// Scrolls the list as little as it takes, and never the page.
function keepInView(list, element) {
  const top = element.offsetTop - list.offsetTop;
  list.scrollTop = Math.max(top + element.offsetHeight - list.clientHeight, Math.min(top, list.scrollTop));
}

// `background` is as CSS has it, such as paint.js makes it of a class.
const swatch = (background) => h("span", { class: "seglib-swatch", "aria-hidden": "true", style: `background: ${background}` });
const colorSwatch = (color) => swatch(`rgb(${color.join(" ")})`);

// A slider over a few stops, [value, words], which need not be equally far apart; `stops()` may grow.
function stopSlider(frame, name, stops, { chosen, choose, watch }) {
  const { element, input, show: move } = slider(frame, name, { min: 0, step: 1 }, (at) => choose(stops()[at][0]));
  element.classList.add("seglib-stops");
  const show = () => {
    const at = stops().findIndex(([value]) => value === chosen());
    input.max = stops().length - 1;
    move(at, stops()[at]?.[1] ?? "");
  };
  watch?.(show);
  show();
  return { element, input, show };
}
