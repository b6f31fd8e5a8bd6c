const assert = require("node:assert/strict");
const { test } = require("node:test");
const { load } = require("./page.js");

const RATE = 24000;

// A context whose clock the test turns, and which keeps what is scheduled.
class AudioContext {
  constructor() {
    Object.assign(this, { currentTime: 0, state: "running", destination: {}, scheduled: [] });
  }

  createGain() {
    const gain = {
      value: 1,
      setValueAtTime() {},
      linearRampToValueAtTime() {},
      cancelScheduledValues() {},
    };
    return { gain, context: this, connect() {}, disconnect() {} };
  }

  createBuffer(_, length) {
    return { length, copyToChannel() {} };
  }

  createBufferSource() {
    const source = { connect() {}, start: (at) => this.scheduled.push([at, source.buffer.length]) };
    return source;
  }
}

function player() {
  const document = { hidden: false };
  // Timers are the test's: it calls pump itself.
  const timers = { setInterval: () => 0, clearInterval() {}, setTimeout: () => 0 };
  const { Sound, samplesFromBase64, wavSamples } = load(
    ["sound.js"],
    ["Sound", "samplesFromBase64", "wavSamples"],
    { document, AudioContext, ...timers },
  );
  const ended = [];
  const sound = new Sound(() => {}, () => ended.push(true));
  return { sound, ended, document, samplesFromBase64, wavSamples };
}

const seconds = (n) => new Float32Array(Math.round(n * RATE)).fill(0.1);
const scheduled = (sound) => sound.context.scheduled.reduce((sum, [, n]) => sum + n, 0) / RATE;

test("a finished take is scheduled a second ahead and no further", () => {
  const { sound } = player();
  sound.load(seconds(10), RATE);
  sound.play();
  assert.ok(scheduled(sound) >= 1 && scheduled(sound) <= 1.3, `${scheduled(sound)} s`);
});

test("a hidden page schedules further ahead, since its timers run once a second", () => {
  const { sound, document } = player();
  document.hidden = true;
  sound.load(seconds(10), RATE);
  sound.play();
  assert.ok(scheduled(sound) >= 2.5);
});

test("pieces follow each other without a gap", () => {
  const { sound } = player();
  sound.load(seconds(3), RATE);
  sound.play();
  sound.context.currentTime = 0.9;
  sound.pump();
  const { scheduled: parts } = sound.context;
  for (let i = 1; i < parts.length; i++) {
    assert.ok(Math.abs(parts[i][0] - (parts[i - 1][0] + parts[i - 1][1] / RATE)) < 1e-9);
  }
});

test("a take ends once, when its last sample has sounded", () => {
  const { sound, ended } = player();
  sound.load(seconds(0.5), RATE);
  sound.play();
  sound.pump();
  assert.equal(ended.length, 0);
  sound.context.currentTime = 0.6;
  sound.pump();
  assert.equal(ended.length, 1);
  assert.equal(sound.playing, false);
});

test("live sound waits until what is still to be made is covered", () => {
  const { sound } = player();
  sound.wake();
  sound.startLive(RATE, 4); // seconds expected
  sound.push(0, seconds(0.4), 0.5); // made at half the speed at which it will be heard
  assert.equal(sound.playing, false);
  assert.ok(sound.wait > 3);
  sound.push(0.4, seconds(3.2), 0.5);
  assert.equal(sound.playing, true);
});

test("live sound that is made faster than it is heard begins with its first piece", () => {
  const { sound } = player();
  sound.wake();
  sound.startLive(RATE, 4);
  sound.push(0, seconds(0.4), 3);
  assert.equal(sound.playing, true);
});

test("live sound that runs dry is silent and says that it waits", () => {
  const { sound, ended } = player();
  sound.wake();
  sound.startLive(RATE, 4);
  sound.push(0, seconds(0.4), 3);
  sound.context.currentTime = 1;
  sound.pump();
  assert.deepEqual([sound.playing, sound.waiting, ended.length], [false, true, 0]);
});

test("the finished take goes on at the place where the live one was", () => {
  const { sound } = player();
  sound.wake();
  sound.startLive(RATE, 4);
  sound.push(0, seconds(2), 3);
  for (const now of [0.3, 0.6, 0.9, 1.02]) {
    sound.context.currentTime = now;
    sound.pump();
  }
  sound.load(seconds(4), RATE, { keepPosition: true });
  assert.equal(sound.playing, true);
  assert.ok(Math.abs(sound.position - 1) < 0.05, `${sound.position} s`);
});

test("a pause keeps the place, and seeking stays within the take", () => {
  const { sound } = player();
  sound.load(seconds(2), RATE);
  sound.play();
  sound.context.currentTime = 0.52;
  sound.pause();
  assert.ok(Math.abs(sound.position - 0.5) < 0.01, `${sound.position} s`);
  sound.seek(99);
  assert.equal(sound.position, 2);
  sound.seek(-1);
  assert.equal(sound.position, 0);
});

test("16-bit samples come through base64 as numbers within one", () => {
  const { samplesFromBase64 } = player();
  const bytes = Buffer.from(Int16Array.of(0, 16384, -32768).buffer);
  assert.deepEqual([...samplesFromBase64(bytes.toString("base64"))], [0, 0.5, -1]);
});

test("a WAV file's samples are found behind other chunks", () => {
  const { wavSamples } = player();
  const header = Buffer.alloc(36);
  header.write("RIFF", 0);
  header.write("fmt ", 12);
  header.writeUInt32LE(16, 16);
  header.writeUInt32LE(24000, 24);
  const other = Buffer.from([0x4c, 0x49, 0x53, 0x54, 3, 0, 0, 0, 1, 2, 3, 0]); // odd, so padded
  const data = Buffer.concat([Buffer.from("data"), Buffer.from([4, 0, 0, 0, 0, 64, 0, 192])]);
  const file = Buffer.concat([header, other, data]);
  const { samples, rate } = wavSamples(new Uint8Array(file).buffer);
  assert.deepEqual([[...samples], rate], [[0.5, -0.5], 24000]);
});

test("the clock and the line under a take tell the same length", () => {
  const { clockTime, WORDS } = load(["icons.js", "words.js"], ["clockTime", "WORDS"]);
  for (const length of [1.347, 5.44, 5.453, 59.96]) {
    const facts = WORDS.facts({ seconds: length, kept: true });
    const [minutes, rest] = clockTime(length).split(":");
    assert.ok(facts.includes(`${(60 * minutes + Number(rest)).toFixed(1)} s`), `${length}: ${facts}`);
  }
});
