// The lists of the proposal explorer: objects with their overlap, regions in the order in which they are pasted.
// And the bars of the SVMs' scores.

// Every object with its best overlap at the slider's stop; last, no object at all.
function objectList(frame, scene, data, stop) {
  const parts = scene.objects.map(({ name }) => {
    const [bar, number] = [h("span"), h("span", { class: "seglib-value" })];
    const track = h("span", { class: "seglib-overlap", "aria-hidden": "true", title: "The line marks an overlap of 0.5" }, bar);
    return { bar, number, cells: [h("span", { class: "seglib-pick-name" }, name), track, number] };
  });
  const rows = scene.objects.map(({ name, color }, k) => ({ value: k, title: name, color, cells: parts[k].cells }));
  const none = { value: -1, title: "no object", cells: [h("span", { class: "seglib-pick-name seglib-quiet" }, "no object: the last region looked at")] };
  const list = pickList(frame, "selected", "Object", [...rows, none]);
  const show = () => parts.forEach(({ bar, number }, k) => {
    const text = data.overlaps[stop()][k];
    bar.style.width = `${100 * data.lengths[stop()][k]}%`;
    write(number, text);
    label(list.inputs[k], `${scene.objects[k].name}, overlap ${text}`);
  });
  return { ...list, show };
}

// The paste order, lowest score first.
function pasteList(frame, scene, data) {
  const { picked, kinds } = data.paste;
  const column = new Map(data.regions.classes.map((name, k) => [name, k]));
  const rows = picked.map((region, k) => {
    const { name, color } = scene.entries[kinds[k]];
    const score = data.regions.texts[region][column.get(name)];
    const cells = [h("span", { class: "seglib-pick-name" }, name), h("span", { class: "seglib-value" }, score)];
    return { value: k + 1, title: `${k + 1}: ${name}, score ${score}`, color, cells };
  });
  const list = pickList(frame, "painted", "Paste order", rows);
  const show = () => list.elements.forEach((element, k) => element.toggleAttribute("data-waits", k >= frame.model.get("painted")));
  return { ...list, show };
}

// A bar for each class, from zero to the left or to the right; the highest is marked.
function scoreBars({ classes, zero, texts, ends }, entries) {
  const colors = new Map(entries.map(({ name, color }) => [name, color]));
  const rows = classes.map((name) => {
    const [bar, number] = [h("span", { style: `background: rgb(${colors.get(name).join(" ")})` }), h("span", { class: "seglib-value" })];
    const track = h("span", { class: "seglib-score-track", "aria-hidden": "true", style: `--zero: ${100 * zero}%` }, bar);
    return { bar, number, element: h("div", { role: "listitem", class: "seglib-score" }, h("span", { class: "seglib-pick-name" }, name), track, number) };
  });
  const element = h("div", { class: "seglib-score-list", role: "list", "aria-label": "Scores of the SVMs" }, rows.map((row) => row.element));
  const show = (region) => {
    const best = ends[region].indexOf(Math.max(...ends[region]));
    rows.forEach(({ bar, number, element: line }, k) => {
      const end = ends[region][k];
      Object.assign(bar.style, { left: `${100 * Math.min(zero, end)}%`, width: `${100 * Math.abs(end - zero)}%` });
      write(number, texts[region][k]);
      line.toggleAttribute("data-best", k === best);
    });
  };
  return { element, show };
}
