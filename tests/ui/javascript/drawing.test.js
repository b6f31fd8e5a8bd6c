const assert = require("node:assert/strict");
const { test } = require("node:test");
const { load } = require("./page.js");

const window = { devicePixelRatio: 1 };
const { drawWaveform, transform, powerAt, melRows, rampTable, FFT_SIZE } = load(
  ["draw.js"],
  ["drawWaveform", "transform", "powerAt", "melRows", "rampTable", "FFT_SIZE"],
  { window },
);

function canvas(width, height) {
  const bars = [];
  const context = { clearRect() {}, fillRect: (...bar) => bars.push(bar) };
  return { bars, clientWidth: width, clientHeight: height, getContext: () => context };
}

test("the transform of a wave has its power where its frequency is", () => {
  const n = 64;
  const re = Float32Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * 5 * i) / n));
  const im = new Float32Array(n);
  transform(re, im);
  const power = Array.from(re, (x, i) => Math.hypot(x, im[i]));
  power.forEach((value, i) => {
    const expected = i === 5 || i === n - 5 ? n / 2 : 0;
    assert.ok(Math.abs(value - expected) < 1e-3, `bin ${i}: ${value}`);
  });
});

test("a column of the spectrogram is loudest at the tone that sounds", () => {
  const rate = 24000;
  const tone = Float32Array.from({ length: rate }, (_, i) => Math.sin((2 * Math.PI * 3000 * i) / rate));
  const column = powerAt(tone, tone.length, 12000);
  assert.equal(column.indexOf(Math.max(...column)), Math.round((3000 / rate) * FFT_SIZE));
});

test("what lies before the beginning and behind the end is drawn as silence", () => {
  const loud = new Float32Array(100).fill(1);
  for (const start of [-FFT_SIZE, 100]) {
    assert.ok(Math.max(...powerAt(loud, 100, start)) <= -99);
  }
});

test("rows go from high to low and are narrower where the ear hears more", () => {
  const rows = melRows(100, 24000);
  assert.equal(rows.length, 100);
  assert.equal(rows[99], 0);
  for (let i = 1; i < rows.length; i++) assert.ok(rows[i] < rows[i - 1]);
  assert.ok(rows[0] - rows[1] > rows[98] - rows[99]);
});

test("a colour ramp begins and ends with its first and last colours", () => {
  const table = rampTable(["#000000", "#ff0000", "#ffffff"]);
  assert.deepEqual([...table[0]], [0, 0, 0]);
  assert.deepEqual([...table[255]], [255, 255, 255]);
  assert.equal(table.length, 256);
});

test("the part of a waveform that is not made yet stays a thin line", () => {
  const picture = canvas(300, 100);
  drawWaveform(picture, new Float32Array(500).fill(0.5), 500, 1000, { wave: "w", line: "l" });
  const [line, ...bars] = picture.bars;
  assert.deepEqual(line, [0, 49.5, 300, 1]);
  assert.equal(bars.length, 50); // a bar every three pixels over half of the width
  assert.ok(bars.every(([x, , , height]) => x < 150 && height > 60));
});

test("silence is drawn as a bar of a pixel, so that one sees where the take ends", () => {
  const picture = canvas(30, 100);
  drawWaveform(picture, new Float32Array(100), 100, 100, { wave: "w", line: "l" });
  assert.ok(picture.bars.slice(1).every(([, , , height]) => height === 2));
});
