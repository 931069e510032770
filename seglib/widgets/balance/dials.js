// The controls of the board: how classes are weighed, how rare one is, and where blur is cut.

// A slider over a few stops that need not be equally far apart.
function stopSlider(frame, trait, { name, stops, words }) {
  const { model, watch, on, set } = frame;
  const input = h("input", { type: "range", min: 0, max: stops.length - 1, step: 1, "aria-label": name });
  const output = h("output", { class: "seglib-value", "aria-hidden": "true" });
  const show = () => {
    const value = model.get(trait);
    input.value = stops.indexOf(value);
    write(output, words(value));
    input.setAttribute("aria-valuetext", words(value));
  };
  on(input, "input", () => set(trait, stops[input.valueAsNumber]));
  watch([trait], show);
  show();
  return h("label", { class: "seglib-slider seglib-stops" }, h("span", {}, name), input, output);
}

// The scheme with its formula; the effective number has a unit and a beta of its own.
function weighing(frame, { schemes, units, betas }) {
  const formula = h("p", { class: "seglib-says seglib-quiet" });
  const bend = (beta) => `${beta} (bends at ${Math.round(1 / (1 - beta)).toLocaleString("en")})`;
  const effective = h("div", { class: "seglib-bar seglib-effective" },
    choice(frame, "unit", "Samples are", units.map((unit) => [unit, `${unit[0].toUpperCase()}${unit.slice(1)}`])),
    stopSlider(frame, "beta", { name: "β", stops: betas, words: bend }));
  const show = () => {
    const scheme = frame.model.get("scheme");
    write(formula, schemes.find(([name]) => name === scheme)[2]);
    effective.hidden = scheme !== "effective number";
  };
  frame.watch(["scheme"], show);
  show();
  return h("div", { class: "seglib-group" },
    h("div", { class: "seglib-bar" }, h("span", {}, "Weights"),
      choice(frame, "scheme", "Weights", schemes.map(([name, title]) => [name, title]))),
    effective, formula);
}

// How often the rare class is drawn; null where there is no dial.
function rarityDial(frame, { rare, settings }) {
  if (!rare) return null;
  const often = (value) => (value === 0 ? "never" : value === 1 ? "as often as any other" : `${value} × as often`);
  return stopSlider(frame, "frequency", { name: `How often a ${rare} is drawn`, stops: settings.map(({ frequency }) => frequency), words: often });
}

function cutSlider(frame, { cuts, images }) {
  const blur = new Map(cuts.map((cut) => [cut.dropped, cut.blur]));
  const words = (dropped) => `${dropped} of ${images.toLocaleString("en")}${dropped ? `, blur ≥ ${blur.get(dropped)}` : ""}`;
  return stopSlider(frame, "cut", { name: "Drop the most blurred", stops: cuts.map(({ dropped }) => dropped), words });
}
