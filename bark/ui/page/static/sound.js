// Plays samples through WebAudio, whether all of them are there or they are still being made.

class Sound {
  constructor(onChange, onEnded) {
    this.onChange = onChange;
    this.onEnded = onEnded;
    this.rate = 24000;
    this.samples = new Float32Array(0);
    this.length = 0;
    this.live = false; // more samples are coming
    this.playing = false;
    this.cursor = 0; // the next sample to hand to the loudspeaker
    this.clock = 0; // when that sample sounds, in the context's time
    this.group = null;
    this.timer = null;
  }

  // A context may only be opened by a press of the visitor's; the page calls this at each press.
  wake() {
    if (!this.context) {
      try {
        this.context = new AudioContext({ sampleRate: this.rate });
      } catch {
        this.context = new AudioContext();
      }
    }
    if (this.context.state === "suspended") this.context.resume();
    return this.context;
  }

  get duration() {
    return this.length / this.rate;
  }

  get position() {
    if (!this.playing) return this.cursor / this.rate;
    const ahead = Math.max(0, this.clock - this.context.currentTime);
    return Math.max(0, this.cursor / this.rate - ahead);
  }

  // Puts finished samples in; the position stays when they replace what was live.
  load(samples, rate, { keepPosition = false } = {}) {
    const position = keepPosition ? this.position : 0;
    const wasPlaying = keepPosition && this.playing;
    this.silence();
    Object.assign(this, { samples, rate, length: samples.length, live: false });
    this.cursor = Math.min(samples.length, Math.round(position * rate));
    this.playing = false;
    if (wasPlaying) this.play();
    else this.onChange();
  }

  startLive(rate) {
    this.silence();
    Object.assign(this, { samples: new Float32Array(rate * 20), rate, length: 0, cursor: 0 });
    this.live = true;
    this.playing = false;
    this.play();
  }

  push(startSeconds, piece) {
    const start = Math.round(startSeconds * this.rate);
    const end = start + piece.length;
    if (end > this.samples.length) {
      const larger = new Float32Array(end * 2);
      larger.set(this.samples);
      this.samples = larger;
    }
    this.samples.set(piece, start);
    this.length = Math.max(this.length, end);
    this.pump();
    this.onChange();
  }

  endLive() {
    this.live = false;
    this.pump();
  }

  play() {
    const context = this.wake();
    if (this.cursor >= this.length && !this.live) this.cursor = 0;
    this.playing = true;
    this.group = context.createGain();
    this.group.connect(context.destination);
    this.clock = context.currentTime + 0.05;
    this.group.gain.setValueAtTime(0, context.currentTime);
    this.group.gain.linearRampToValueAtTime(1, this.clock + 0.01);
    clearInterval(this.timer);
    this.timer = setInterval(() => this.pump(), 60);
    this.pump();
    this.onChange();
  }

  pause() {
    const position = this.position;
    this.silence();
    this.playing = false;
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
    if (!this.group) return;
    const now = this.context.currentTime;
    const group = this.group;
    group.gain.cancelScheduledValues(now);
    group.gain.setValueAtTime(group.gain.value, now);
    group.gain.linearRampToValueAtTime(0, now + 0.02);
    setTimeout(() => group.disconnect(), 60);
    this.group = null;
  }

  pump() {
    if (!this.playing || !this.group) return;
    const now = this.context.currentTime;
    // A hidden page's timers run once a second only.
    const ahead = document.hidden ? 2.5 : this.live ? 0.4 : 1.0;
    while (this.cursor < this.length && this.clock < now + ahead) {
      if (this.clock < now) this.clock = now + 0.05; // the sound had to wait for the model
      this.schedule(Math.min(this.rate / 4, this.length - this.cursor));
    }
    if (this.cursor >= this.length && !this.live && now >= this.clock) this.finish();
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
  const view = new DataView(await answer.arrayBuffer());
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
