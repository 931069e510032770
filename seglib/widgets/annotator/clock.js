// The clocks: they count while the student works, and pause otherwise. Nothing here touches the page.

const IDLE = 10; // seconds without any movement after which the clocks pause

class Clock {
  last = null; // when something moved last; null while it is stopped

  // `now()` gives seconds; `spent` is what was counted before.
  constructor(now, spent = 0) {
    Object.assign(this, { now, spent });
  }

  passed = () => (this.last === null ? 0 : this.now() - this.last);
  idle = () => this.passed() >= IDLE;
  seconds = () => this.spent + Math.min(this.passed(), IDLE); // what passes without a movement counts up to IDLE

  start = () => Object.assign(this, { spent: this.seconds(), last: this.now() });
  stop = () => Object.assign(this, { spent: this.seconds(), last: null });
  touch = () => this.last === null || this.start();
}

// One clock for the object that is drawn and one for the image. `pausedBecause` says why neither runs: "ready" before
// the first click, "paused" by the button, "away" when the page or the widget lost the focus; "" while they run.
class Clocks {
  constructor(now) {
    this.now = now;
    this.open(0);
  }

  // Another image, on which `seconds` were spent before.
  open(seconds) {
    Object.assign(this, { image: new Clock(this.now, seconds), object: new Clock(this.now), drawing: false, pausedBecause: "ready" });
  }

  // An object is begun, or changed again after `seconds`.
  begin(seconds = 0) {
    Object.assign(this, { object: new Clock(this.now, seconds), drawing: true });
    this.resume();
  }

  // It is finished; returns how long it took.
  finish() {
    this.object.stop();
    this.drawing = false;
    return this.object.seconds();
  }

  touch() {
    if (this.pausedBecause === "away") this.resume();
    this.object.touch();
    this.image.touch();
  }

  resume() {
    this.pausedBecause = "";
    this.image.start();
    if (this.drawing) this.object.start();
  }

  // "paused" lasts until the clocks are resumed; being away does not replace it.
  pause(why) {
    if (["ready", "paused"].includes(this.pausedBecause)) return;
    this.object.stop();
    this.image.stop();
    this.pausedBecause = why;
  }
}
