// A widget without a kernel: a model that only remembers, and the first place on the page that waits for it.

const remembered = JSON.parse("STATE", (_, value) =>
  value?.base64 === undefined ? value : Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0)));
const listeners = new EventTarget();
const model = {
  get: (trait) => remembered[trait],
  set: (trait, value) => ((remembered[trait] = value), listeners.dispatchEvent(new Event(`change:${trait}`))),
  save_changes() {},
  on: (event, listener) => listeners.addEventListener(event, listener),
  off: (event, listener) => listeners.removeEventListener(event, listener),
};
const place = document.querySelector(`[data-seglib="${"NAME"}"]:not([data-live])`);
if (place && !place.closest(".lm-Widget")) { // in JupyterLab the still image waits for the live view
  place.dataset.live = "";
  const el = document.createElement("div");
  const giveUp = (error) => {
    place.append(el); // below the still image: the card shows what went wrong
    throw error;
  };
  widgetModule.render({ model, el }).then(() => place.replaceChildren(el), giveUp);
}
