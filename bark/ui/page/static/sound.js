// Plays samples through WebAudio, whether all of them are there or they are still being made.

const HAND_OVER_S = 0.06; // how far ahead one sound gives way to another
const FADE_S = 0.015;
const SAFETY = 0.85; // of the speed that was measured: the next second may be slower

class Sound {
  constructor(onChange, onEnded) {
    this.onChange = onChange;
    this.onEnded = onEnded;
    this.rate = 24000;
    this.samples = new Float32Array(0);
    this.length = 0;
    this.live = false; // more samples are coming
    this.playing = false; // something sounds
    this.waiting = false; // something will sound when enough of it is made
    this.expected = 0; // seconds that a live sound will last
    this.speed = 0; // seconds of it that are made in a second
    this.cursor = 0; // the next sample to hand to the loudspeaker
    this.clock = 0; // when that sample sounds, in the context's time
    this.group = null;
    this.timer = null;
  }

  // A context may only be opened by a press of the visitor's; the page calls this at each press.
  wake() {
    if (!Sound.context) {
      try {
        Sound.context = new AudioContext({ sampleRate: this.rate });
      } catch {
        Sound.context = new AudioContext();
      }
    }
    if (Sound.context.state === "suspended") Sound.context.resume();
    return Sound.context;
  }

  get context() {
    return Sound.context;
  }

  get duration() {
    return this.length / this.rate;
  }

  get position() {
    if (!this.playing) return this.cursor / this.rate;
    const ahead = Math.max(0, this.clock - this.context.currentTime);
    return Math.max(0, this.cursor / this.rate - ahead);
  }

  // Seconds until a live sound may begin and not run dry; 0 or less: now.
  get wait() {
    const made = this.duration - this.cursor / this.rate;
    if (!this.live) return 0;
    if (made < 0.25 || !this.speed) return Math.max(0.5, this.expected);
    const speed = this.speed * SAFETY;
    const rest = Math.max(0, this.expected - this.duration);
    return speed >= 1 ? 0 : rest * (1 / speed - 1) - made;
  }

  // Puts finished samples in; what was live goes on in them, at the same place and without a gap.
  load(samples, rate, { keepPosition = false } = {}) {
    const goesOn = keepPosition && this.playing;
    const wanted = keepPosition && (this.playing || this.waiting);
    const position = keepPosition ? this.position : 0;
    const before = this.group;
    if (!goesOn) this.silence();
    clearInterval(this.timer);
    Object.assign(this, { samples, rate, length: samples.length, live: false, waiting: false });
    this.cursor = Math.min(samples.length, Math.round(position * rate));
    this.playing = false;
    if (goesOn) {
      const at = this.context.currentTime + HAND_OVER_S;
      this.cursor = Math.min(samples.length, Math.round((position + HAND_OVER_S) * rate));
      this.begin(at);
      fade(before, at);
    } else if (wanted) this.play();
    else this.onChange();
  }

  startLive(rate, expected) {
    this.silence();
    Object.assign(this, { samples: new Float32Array(rate * 20), rate, length: 0, cursor: 0 });
    Object.assign(this, { live: true, playing: false, waiting: true, expected, speed: 0 });
    this.onChange();
  }

  push(startSeconds, piece, speed) {
    const start = Math.round(startSeconds * this.rate);
    const end = start + piece.length;
    if (end > this.samples.length) {
      const larger = new Float32Array(end * 2);
      larger.set(this.samples);
      this.samples = larger;
    }
    this.samples.set(piece, start);
    this.length = Math.max(this.length, end);
    this.speed = speed;
    if (this.waiting && this.wait <= 0) this.play();
    else this.pump();
    this.onChange();
  }

  endLive() {
    this.live = false;
    if (this.waiting && this.length) this.play();
    else this.pump();
    this.waiting = false;
  }

  play() {
    const context = this.wake();
    if (this.live && !this.waiting && this.wait > 0) {
      this.waiting = true;
      this.onChange();
      return;
    }
    if (this.cursor >= this.length && !this.live) this.cursor = 0;
    this.silence();
    this.begin(context.currentTime + 0.02);
  }

  begin(at) {
    this.waiting = false;
    this.playing = true;
    this.group = this.context.createGain();
    this.group.connect(this.context.destination);
    this.clock = at;
    this.group.gain.setValueAtTime(0, this.context.currentTime);
    this.group.gain.setValueAtTime(0, at);
    this.group.gain.linearRampToValueAtTime(1, at + FADE_S);
    clearInterval(this.timer);
    this.timer = setInterval(() => this.pump(), 60);
    this.pump();
    this.onChange();
  }

  pause() {
    const position = this.position;
    this.silence();
    this.playing = this.waiting = false;
    this.cursor = Math.round(position * this.rate);
    this.onChange();
  }

  seek(seconds) {
    const wasPlaying = this.playing;
    this.silence();
    this.playing = false;
    const bounded = Math.min(Math.max(0, seconds), this.duration);
    this.cursor = Math.round(bounded * this.rate);
    if (wasPlaying) this.play();
    else this.onChange();
  }

  // Fades out what is already scheduled, so that nothing clicks.
  silence() {
    clearInterval(this.timer);
    if (this.group) fade(this.group, this.context.currentTime);
    this.group = null;
  }

  pump() {
    if (!this.playing || !this.group) return;
    const now = this.context.currentTime;
    // A hidden page's timers run once a second only.
    const ahead = document.hidden ? 2.5 : this.live ? 0.4 : 1.0;
    while (this.cursor < this.length && this.clock < now + ahead) {
      if (this.clock < now) this.clock = now + 0.02;
      this.schedule(Math.min(this.rate / 4, this.length - this.cursor));
    }
    if (this.cursor < this.length || now < this.clock) return;
    if (this.live) this.starve();
    else this.finish();
  }

  // The model is behind after all: silent, and saying so, until the rest is covered.
  starve() {
    this.silence();
    this.playing = false;
    this.waiting = true;
    this.onChange();
  }

  schedule(n) {
    const buffer = this.context.createBuffer(1, n, this.rate);
    buffer.copyToChannel(this.samples.subarray(this.cursor, this.cursor + n), 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.group);
    source.start(this.clock);
    this.cursor += n;
    this.clock += n / this.rate;
  }

  finish() {
    this.silence();
    this.playing = false;
    this.onChange();
    this.onEnded();
  }
}

function fade(group, at) {
  const { context } = group;
  group.gain.cancelScheduledValues(at);
  group.gain.setValueAtTime(group.gain.value, at);
  group.gain.linearRampToValueAtTime(0, at + FADE_S);
  setTimeout(() => group.disconnect(), 1000 * (at + FADE_S - context.currentTime) + 60);
}

// 16-bit samples, as they come from the server, to the numbers that WebAudio takes.
function samplesFromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const whole = new Int16Array(bytes.buffer, 0, bytes.length >> 1);
  return Float32Array.from(whole, (value) => value / 32768);
}

// Fetches a 16-bit mono WAV file and reads it without resampling.
async function fetchSamples(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`The take cannot be fetched (${answer.status}).`);
  return wavSamples(await answer.arrayBuffer());
}

function wavSamples(buffer) {
  const view = new DataView(buffer);
  const rate = view.getUint32(24, true);
  let at = 12;
  while (at + 8 <= view.byteLength) {
    const size = view.getUint32(at + 4, true);
    if (view.getUint32(at, false) === 0x64617461) {
      const n = Math.min(size, view.byteLength - at - 8) >> 1;
      const samples = new Float32Array(n);
      for (let i = 0; i < n; i++) samples[i] = view.getInt16(at + 8 + 2 * i, true) / 32768;
      return { samples, rate };
    }
    at += 8 + size + (size & 1);
  }
  throw new Error("The take's file holds no sound.");
}
