// Plays a long text's chunks one after another, sentence by sentence known, and waits for those
// that are still being made.

const KEPT_SOUNDS = 4; // chunks whose sound stays here

class LongSound {
  constructor(room) {
    this.room = room;
    this.audio = new Audio();
    this.audio.addEventListener("ended", () => this.pauseThenNext());
    this.audio.addEventListener("error", () => this.number && this.fail());
    this.number = null; // of the chunk that is heard
    this.waiting = null; // of the chunk that is heard as soon as it is there
    this.starts = [0]; // when each sentence of the chunk begins
    this.sounds = new Map(); // address → promise of its sound and its sentences
    Deck.all.add(this);
  }

  get playing() {
    return this.number !== null && (!this.audio.paused || this.audio.ended);
  }

  // The sentence that is heard, from 0.
  get sentence() {
    const at = this.audio.currentTime + 0.02;
    return Math.max(0, this.starts.findLastIndex((start) => start <= at));
  }

  // From a chunk on, or from a sentence or a second of it; where it is not made yet, as soon as it is.
  async from(number, { sentence = 0, second = 0 } = {}) {
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
    this.audio.pause();
    this.waiting = null;
    this.number = number;
    this.starts = [0];
    this.room.mark();
    try {
      const { url, starts } = await this.sound(chunk);
      if (this.number !== number || this.room.chunk(number)?.key !== chunk.key) return; // meanwhile another
      this.starts = starts;
      this.audio.src = url;
      this.audio.currentTime = second || starts[sentence] || 0;
      await this.audio.play();
      this.follow();
    } catch (error) {
      if (error.name === "AbortError") return; // another one was chosen
      if (error.name === "NotAllowedError") this.stop();
      else this.fail();
    }
  }

  // A chunk's sound, from which a browser can start anywhere, and its sentences.
  sound(chunk) {
    const url = `${this.room.long.url}/chunk/${chunk.number}`;
    const name = `${url}?key=${chunk.key}`;
    if (!this.sounds.has(name)) {
      this.sounds.set(name, this.fetch(url, chunk));
      for (const [oldest, kept] of [...this.sounds].slice(0, -KEPT_SOUNDS)) {
        this.sounds.delete(oldest);
        kept.then((old) => setTimeout(() => URL.revokeObjectURL(old.url), 60_000)).catch(() => {});
      }
    }
    return this.sounds.get(name);
  }

  async fetch(url, { key, sentences }) {
    const [sound, starts] = await Promise.all([
      fetch(`${url}?key=${key}`),
      sentences.length > 1 ? fetch(`${url}/sentences?key=${key}`) : null,
    ]);
    if (!sound.ok) throw new Error(WORDS.noSound);
    const begins = starts?.ok ? (await starts.json()).starts : [0];
    return { url: URL.createObjectURL(await sound.blob()), starts: begins };
  }

  // Marks the sentence and the place in the whole while something is heard.
  follow() {
    if (this.following) return;
    const step = () => {
      this.room.markSentence();
      this.following = this.playing ? requestAnimationFrame(step) : null;
    };
    this.following = requestAnimationFrame(step);
  }

  pauseThenNext() {
    const { number } = this;
    const pause = this.room.chunk(number)?.pause || 0;
    this.timer = setTimeout(() => this.from(this.after(number)), 1000 * pause);
    const next = this.room.chunk(this.after(number));
    if (next?.key) this.sound(next).catch(() => {}); // it is there when the pause ends
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

  // A sentence further, or back.
  step(by) {
    const number = this.number ?? this.left?.number;
    const chunk = this.room.chunk(number);
    if (!chunk) return;
    const sentence = (this.number ? this.sentence : (this.left?.sentence ?? 0)) + by;
    if (sentence < 0) {
      const before = this.room.chunk(number - 1);
      return before && this.from(number - 1, { sentence: before.sentences.length - 1 });
    }
    if (sentence >= chunk.sentences.length) return this.from(this.after(number));
    return this.from(number, { sentence });
  }

  toggle() {
    if (this.playing || this.waiting) return this.stop();
    const { number, second } = this.left || {};
    return number ? this.from(number, { second }) : this.from(this.room.firstReady());
  }

  fail() {
    this.stop();
    say(WORDS.noSound, "fault");
  }

  stop() {
    clearTimeout(this.timer);
    const { number, audio } = this;
    if (number !== null) this.left = { number, sentence: this.sentence, second: audio.ended ? 0 : audio.currentTime };
    this.number = this.waiting = null;
    audio.pause();
    this.room.mark();
  }
}
