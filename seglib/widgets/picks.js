// A list to choose from. Rows are radio buttons, so arrow keys go from one to the next.

// `rows` are { value, title: its name, cells, color or a `swatch` of its own }; `trait` is what a row sets.
function pickList(frame, trait, name, rows) {
  const group = `seglib-${Math.random().toString(36).slice(2)}`;
  const inputs = rows.map(({ value, title }) => h("input", { type: "radio", name: group, value, "aria-label": title }));
  const elements = rows.map(({ cells, color, swatch }, k) => h("label", { class: "seglib-pick" }, inputs[k], swatch ?? listSwatch(color), cells));
  const list = h("div", { class: "seglib-picks", role: "radiogroup", "aria-label": name }, elements);
  const mark = () => rows.forEach(({ value }, k) => {
    inputs[k].checked = frame.model.get(trait) === value;
    elements[k].toggleAttribute("data-chosen", inputs[k].checked);
    if (inputs[k].checked) keepInView(list, elements[k]);
  });
  inputs.forEach((input, k) => frame.on(input, "change", () => frame.set(trait, rows[k].value)));
  frame.watch([trait], mark);
  mark();
  return { element: list, elements, inputs, mark };
}

// Scrolls the list, and never the page.
function keepInView(list, element) {
  const [top, bottom] = [element.offsetTop - list.offsetTop, element.offsetTop - list.offsetTop + element.offsetHeight];
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

function listSwatch(color) {
  if (!color) return h("span", { class: "seglib-swatch", hidden: true });
  return h("span", { class: "seglib-swatch", "aria-hidden": "true", style: `background: rgb(${color.join(" ")})` });
}
