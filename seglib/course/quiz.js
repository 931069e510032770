// The quiz: one group of radio buttons a question, a Check button, and the reason for what was chosen.
// The browser answers at once from `data`; `chosen` tells Python, which keeps the score.

function quiz(frame) {
  const { model, root } = frame;
  const { items } = model.get("data");
  const score = h("p", { class: "seglib-quiet", role: "status" });
  const show = () => {
    const chosen = model.get("chosen");
    const right = items.filter(({ id, answer }) => chosen[id] === answer).length;
    score.textContent = `${right} of ${items.length} right`;
  };
  frame.watch(["chosen"], show);
  root.append(h("div", { class: "seglib-quiz" }, items.map((item, index) => question(frame, item, index + 1))), score);
  show();
}

function question(frame, { id, question, choices, reasons, answer }, number) {
  const group = `${id}-${Math.random().toString(36).slice(2)}`;
  const inputs = choices.map((_, index) => h("input", { type: "radio", name: group, value: index }));
  const reason = h("p", { class: "seglib-reason", role: "status" });
  const show = () => {
    const index = frame.model.get("chosen")[id];
    if (index === undefined) return;
    inputs[index].checked = true;
    const right = index === answer;
    reason.dataset.right = right;
    reason.replaceChildren(h("strong", {}, right ? "✓ Right. " : "✗ No. "), prose("span", reasons[index]));
  };
  const check = button(frame, `Check question ${id}`, "Check", () => {
    const picked = inputs.findIndex((input) => input.checked);
    if (picked < 0) reason.textContent = "Choose one first.";
    else if (picked === frame.model.get("chosen")[id]) show();
    else frame.set("chosen", { ...frame.model.get("chosen"), [id]: picked });
  });
  inputs.forEach((input) => frame.on(input, "change", () => reason.replaceChildren()));
  frame.watch(["chosen"], show);
  show();
  return h("fieldset", {},
    prose("legend", `${number}. ${question}`),
    choices.map((choice, index) => h("label", {}, inputs[index], prose("span", choice))),
    h("div", { class: "seglib-bar" }, check, reason));
}

// Text that Python has escaped and set: `code` and line breaks.
const prose = (tag, html) => Object.assign(h(tag), { innerHTML: html });

export default widget("Quiz", quiz);
