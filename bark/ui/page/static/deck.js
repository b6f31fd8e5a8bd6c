// Plays one of several decoded takes, and changes to another at the same place within a moment.

const SWITCH_S = 0.004; // a rendering quantum or two ahead, so that nothing is cut off
const CROSS_S = 0.008;

class Deck {
  constructor(onChange) {
    this.onChange = onChange;
    this.ready = new Map(); // id → { buffer, words }
    this.level = false; // play all at one loudness
    this.loop = null; // true for the whole take, or [from, to] in seconds
    this.take = null;
    this.source = null;
    Deck.all.add(this);
  }

  get context() {
    return barkStudio.stage.sound.wake();
  }

  get playing() {
    return this.source !== null;
  }

  get position() {
    if (!this.source) return this.left || 0;
    const passed = this.offset + (this.context.currentTime - this.startedAt);
    if (!this.loop) return Math.min(passed, this.take.seconds);
    const [from, to] = this.loop === true ? [0, this.take.seconds] : this.loop;
    return passed < to ? passed : from + ((passed - from) % Math.max(0.05, to - from));
  }

  // Decodes takes and learns their words beforehand; what fails is tried again when it is played.
  prepare(takes) {
    return Promise.allSettled(takes.map((take) => this.decode(take)));
  }

  async decode(take) {
    if (this.ready.has(take.id)) return;
    const [{ samples, rate }, words] = await Promise.all([takeSamples(take), takeWords(take)]);
    const buffer = new AudioBuffer({ length: Math.max(1, samples.length), sampleRate: rate });
    buffer.copyToChannel(samples, 0);
    this.ready.set(take.id, { buffer, words });
    if (this.ready.size > MAX_DECODED) this.ready.delete(this.ready.keys().next().value);
  }

  // From the place where another take is playing; `at` in seconds says otherwise.
  async play(take, { at = null } = {}) {
    this.wanted = take.id;
    if (!this.ready.has(take.id)) {
      try {
        await this.decode(take);
      } catch {
        return say(WORDS.takeFailed, "fault");
      }
      if (this.wanted !== take.id) return;
    }
    this.begin(take, at ?? this.sameplace(take));
  }

  sameplace(take) {
    if (!this.take || !this.playing) return 0;
    if (this.take.id === take.id) return this.position;
    const [one, other] = [this.ready.get(this.take.id)?.words || [], this.ready.get(take.id).words];
    return matchingTime(this.position, one, other, [this.take.seconds, take.seconds]);
  }

  begin(take, at) {
    const { context } = this;
    for (const deck of Deck.all) if (deck !== this) deck.stop();
    if (barkStudio.stage.sound.playing) barkStudio.stage.sound.pause();
    const when = context.currentTime + SWITCH_S;
    const source = new AudioBufferSourceNode(context, { buffer: this.ready.get(take.id).buffer });
    const gain = new GainNode(context, { gain: 0 });
    if (this.loop) {
      [source.loopStart, source.loopEnd] = this.loop === true ? [0, take.seconds] : this.loop;
      source.loop = true;
    }
    source.connect(gain).connect(context.destination);
    gain.gain.setValueAtTime(0, when);
    gain.gain.linearRampToValueAtTime(this.level ? take.gain : 1, when + CROSS_S);
    const offset = Math.min(Math.max(0, at), Math.max(0, take.seconds - 0.02));
    source.start(when, offset);
    this.release(when);
    source.onended = () => {
      if (this.source !== source) return;
      this.source = null;
      this.left = 0;
      this.onChange();
      this.onEnded?.();
    };
    Object.assign(this, { source, gain, take, offset, startedAt: when });
    this.onChange();
    this.follow();
  }

  release(when) {
    const { source, gain } = this;
    if (!source) return;
    source.onended = null;
    gain.gain.cancelScheduledValues(when);
    gain.gain.setValueAtTime(gain.gain.value, when);
    gain.gain.linearRampToValueAtTime(0, when + CROSS_S);
    source.stop(when + CROSS_S);
  }

  stop() {
    this.wanted = null;
    if (!this.source) return;
    this.left = this.position;
    this.release(this.context.currentTime);
    this.source = null;
    this.onChange();
  }

  follow() {
    if (this.following) return;
    this.following = requestAnimationFrame(() => {
      this.following = null;
      if (!this.playing) return;
      this.onMove?.(this.position);
      this.follow();
    });
  }
}
Deck.all = new Set();
