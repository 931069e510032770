// The clock: it counts while somebody works, and stands still otherwise. Nothing here knows of a page.

const IDLE = 10; // seconds without any movement after which nobody is working

class Clock {
  // `now()` gives seconds; `spent` is what was counted before.
  constructor(now, spent = 0) {
    Object.assign(this, { now, spent, last: null });
  }

  get running() {
    return this.last !== null;
  }

  get idle() {
    return this.running && this.now() - this.last >= IDLE;
  }

  get seconds() {
    return this.spent + (this.running ? Math.min(this.now() - this.last, IDLE) : 0);
  }

  // Somebody moved: what has passed since the last movement counts, but never more than IDLE.
  touch() {
    if (this.running) Object.assign(this, { spent: this.seconds, last: this.now() });
  }

  start() {
    this.touch();
    this.last ??= this.now();
  }

  stop() {
    Object.assign(this, { spent: this.seconds, last: null });
  }
}

// One clock for the object in hand and one for the image. `stands` says why neither runs: "ready" before the
// first click, "paused" by the button, "away" when the page or the widget lost the focus; "" while they run.
class Timekeeper {
  constructor(now) {
    this.now = now;
    this.turnTo(0);
  }

  // Another image, on which `seconds` were spent before.
  turnTo(seconds) {
    Object.assign(this, { image: new Clock(this.now, seconds), object: new Clock(this.now), open: false, stands: "ready" });
  }

  // An object is taken in hand, for the first time or again.
  begin(seconds = 0) {
    Object.assign(this, { object: new Clock(this.now, seconds), open: true });
    this.goOn();
  }

  // It is finished: how long it took.
  finish() {
    this.object.stop();
    this.open = false;
    return this.object.seconds;
  }

  touch() {
    if (this.stands === "away") this.goOn();
    this.object.touch();
    this.image.touch();
  }

  goOn() {
    this.stands = "";
    this.image.start();
    if (this.open) this.object.start();
  }

  // "paused" stays, until somebody lets the clock go on; it is not overridden by being away.
  pause(why) {
    if (this.stands === "ready" || this.stands === "paused") return;
    this.object.stop();
    this.image.stop();
    this.stands = why;
  }

  get idle() {
    return this.image.idle;
  }
}

const clockWords = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

const STANDS = { ready: "starts with your first click", paused: "paused", away: "paused while you are away", "": "running" };

// What the student sees of it: large, without haste, in whole seconds. `stopped` is called when the button stops it.
function clockFace(frame, { time, noun }, stopped) {
  const object = h("span", { class: "seglib-clock", role: "timer", "aria-live": "off" });
  const whose = h("strong", {});
  const image = h("span", { class: "seglib-quiet", role: "timer", "aria-live": "off" });
  const state = h("span", { class: "seglib-quiet" });
  const toggle = button(frame, "Pause the clock", "Pause", () => {
    if (time.stands === "paused") time.goOn();
    else stopped(), time.pause("paused");
    show();
  });
  const show = () => {
    write(object, clockWords(time.object.seconds));
    write(whose, time.open || time.stands === "ready" ? `this ${noun}` : `last ${noun}`);
    write(image, `${clockWords(time.image.seconds)} on this image`);
    write(state, time.idle ? "paused: move to go on" : time.stands || time.open ? STANDS[time.stands] : "");
    write(toggle, time.stands === "paused" ? "Go on" : "Pause");
    label(toggle, time.stands === "paused" ? "Let the clock go on" : "Pause the clock");
    toggle.hidden = time.stands === "ready";
  };
  const timer = setInterval(frame.guard(show), 250);
  frame.onClose(() => clearInterval(timer));
  show();
  const element = h("div", { class: "seglib-time", role: "group", "aria-label": "Clock" },
    h("div", {}, object, h("div", {}, whose, state)), h("div", {}, image, toggle));
  return { element, show };
}
