// The record: what the trait `work` knows of every image. The studio draws on the sheet of one of them; once that
// sheet changes, or its clock has run and stands, the record is written, and Python saves it.

const PATIENCE = 4000; // milliseconds
const LATE = "Not saved yet: the kernel is busy, or it has stopped. If it was restarted, run this cell again before you go on.";

class Record {
  constructor(frame, studio) {
    Object.assign(this, { frame, studio, index: -1, sheets: new Map(), written: null });
  }

  get work() {
    return this.frame.model.get("work");
  }

  // Puts the image `index` before the studio, with its steps back where it was open before.
  open(index, scene) {
    if (!this.sheets.has(index)) this.sheets.set(index, new Sheet(this.work[index].objects, () => this.keep()));
    this.index = index;
    this.studio.time.turnTo(this.work[index].seconds);
    this.studio.turnTo(scene, this.sheets.get(index));
  }

  keep() {
    if (this.index < 0) return;
    const seconds = tenth(this.studio.time.image.seconds);
    this.written = this.work.with(this.index, { objects: this.studio.sheet.objects, seconds });
    this.frame.set("turn", Date.now()); // Python says with the same number that it has saved
    this.frame.set("work", this.written);
  }

  // The student goes elsewhere: the clock stands, and what it has counted is kept.
  leave() {
    if (this.index < 0) return;
    this.studio.time.pause("away");
    if (tenth(this.studio.time.image.seconds) !== this.work[this.index].seconds) this.keep();
  }

  // Python or another view has changed the work: the sheets begin anew. False if the change was our own.
  refresh() {
    if (this.work === this.written || this.index < 0) return false;
    this.sheets.clear();
    this.open(this.index, { ...this.studio.size, title: this.studio.title });
    return true;
  }
}

// What is kept, as Python says it; and a warning where Python has not said so for a while.
function savedLine({ model, watch, guard, onClose }) {
  const line = h("p", { class: "seglib-saved seglib-quiet", role: "status" });
  let timer;
  const show = () => write(line, model.get("saved"));
  const warn = () => model.get("kept") === model.get("turn") || write(line, LATE);
  watch(["turn"], () => (clearTimeout(timer), (timer = setTimeout(guard(warn), PATIENCE))));
  watch(["kept", "saved"], show);
  onClose(() => clearTimeout(timer));
  show();
  return line;
}
