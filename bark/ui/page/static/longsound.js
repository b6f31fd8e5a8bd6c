// Plays a long text's chunks one after another, and waits for those that are still being made.

class LongSound {
  constructor(room) {
    this.room = room;
    this.audio = new Audio();
    this.audio.addEventListener("ended", () => this.pauseThenNext());
    this.audio.addEventListener("error", () => this.number && this.fail());
    this.number = null; // of the chunk that is heard
    this.waiting = null; // of the chunk that is heard as soon as it is there
    Deck.all.add(this);
  }

  get playing() {
    return this.number !== null && (!this.audio.paused || this.audio.ended);
  }

  // From a chunk on; where it is not made yet, as soon as it is.
  from(number) {
    clearTimeout(this.timer);
    const chunk = this.room.chunk(number);
    if (!chunk) {
      this.stop();
      this.left = null; // it is over; the next press begins anew
      return;
    }
    if (!chunk.key) {
      this.stop();
      this.waiting = this.room.busy ? number : null;
      return this.room.mark();
    }
    for (const deck of Deck.all) if (deck !== this) deck.stop();
    if (barkStudio.stage.sound.playing) barkStudio.stage.sound.pause();
    this.waiting = null;
    this.number = number;
    this.audio.src = this.url(chunk);
    this.audio.play().catch((error) => error.name === "NotAllowedError" && this.stop());
    this.room.mark();
  }

  url(chunk) {
    return `${this.room.long.url}/chunk/${chunk.number}?key=${chunk.key}`;
  }

  pauseThenNext() {
    const { number } = this;
    this.timer = setTimeout(() => this.from(this.after(number)), 1000 * (this.room.chunk(number)?.pause || 0));
    const next = this.room.chunk(this.after(number));
    if (next?.key) fetch(this.url(next)).catch(() => {}); // it is there when the pause ends
  }

  // The next chunk, those left out that gave no sound.
  after(number) {
    let next = number + 1;
    while (this.room.failures.has(next)) next += 1;
    return next;
  }

  // A chunk has come, or will not.
  arrived(number) {
    if (this.waiting === number) this.from(this.room.failures.has(number) ? this.after(number) : number);
  }

  toggle() {
    if (this.playing || this.waiting) return this.stop();
    this.from(this.left || this.room.firstReady());
  }

  fail() {
    this.stop();
    say(WORDS.noSound, "fault");
  }

  stop() {
    clearTimeout(this.timer);
    if (this.number !== null) this.left = this.number;
    this.number = this.waiting = null;
    this.audio.pause();
    this.room.mark();
  }
}
