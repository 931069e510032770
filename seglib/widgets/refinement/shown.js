// What is on show, as refinement/reading.py says it.

function looking(model, data, scene) {
  const get = (trait) => model.get(trait);
  const view = () => get("view");
  const step = () => (view() === "rules" && get("round") ? scene.steps[get("round") - 1] : null);
  const outcome = (one) => one.resets[one.chosen[data.thresholds.indexOf(get("threshold"))]];
  const place = () => data.stages.indexOf(get("stage"));
  const whole = (one) => [...one.before, { ...outcome(one), name: "reset" }]; // all labels of a step
  const chain = () => (step() ? whole(step()).slice(0, place() + 1) : []); // as far as its rules have gone
  const shot = () => {
    if (view() === "schemes") return scene.schemes.find(({ name }) => name === get("scheme"));
    return step() ? chain().at(-1) : scene.rounds[get("round")];
  };
  const low = () => (step() && get("stage") === "reset" ? outcome(step()).boxes : []);
  const titles = () => {
    const marked = get("difference") ? ", its wrong pixels in orange" : "";
    if (view() === "schemes") return ["truth", `${get("scheme")}${marked}`];
    if (view() === "rounds") return ["truth", `label of round ${get("round")}${marked}`];
    const name = step() ? data.rules.find((rule) => rule.name === get("stage")).after : "label of round 0";
    return ["which rule changed a pixel last", `${name}${marked}`];
  };
  const says = () => {
    if (view() === "schemes") return shot().says;
    if (!step()) return (view() === "rules" && shot().untouched) || shot().says;
    const words = outcome(step()).says[place()];
    const elsewhere = get("stage") === "reset" && data.thresholds[data.begin] !== get("threshold");
    return elsewhere ? `${words} ${data.note}` : words;
  };
  const readOut = ([x, y]) => {
    const at = y * scene.width + x;
    const name = (value) => (value === VOID ? "ignored" : scene.name(value));
    const parts = [`x ${x}, y ${y}`, `truth: ${scene.name(scene.truth.labels[at])}`];
    if (!step()) return [...parts, `label: ${name(shot().labels[at])}`].join(" · ");
    chain().forEach(({ labels, name: stage }, k, all) => {
      if (k && labels[at] === all[k - 1].labels[at]) return;
      const { title } = data.rules.find((rule) => rule.name === stage);
      parts.push(`${title.toLowerCase()}: ${name(labels[at])}`);
    });
    return parts.join(" · ");
  };
  return { view, step, outcome, whole, chain, shot, low, titles, says, readOut };
}
