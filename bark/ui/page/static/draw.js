// Draws a waveform and a spectrogram into canvases, in the page's colours.

const FFT_SIZE = 512;
const FLOOR_DB = 72; // below the loudest: drawn as silence
const MAX_MEL_HZ = 11000;

function pageColours(element) {
  const style = getComputedStyle(element);
  const of = (name) => style.getPropertyValue(name).trim();
  return { wave: of("--wave"), line: of("--line"), ramp: of("--ramp").split(/\s*\|\s*/) };
}

function fitCanvas(canvas) {
  const scale = Math.min(2, window.devicePixelRatio || 1);
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  return { context, width, height, scale };
}

// `total` samples fill the width; the part that is not made yet stays a thin line.
function drawWaveform(canvas, samples, length, total, colours) {
  const { context, width, height, scale } = fitCanvas(canvas);
  const middle = height / 2;
  const step = 3 * scale;
  context.fillStyle = colours.line;
  context.fillRect(0, middle - scale / 2, width, scale);
  context.fillStyle = colours.wave;
  for (let x = 0; x < width; x += step) {
    const from = Math.floor((x / width) * total);
    const to = Math.min(length, Math.max(from + 1, Math.floor(((x + step) / width) * total)));
    let peak = 0;
    for (let i = from; i < to; i++) peak = Math.max(peak, Math.abs(samples[i]));
    if (from >= length) break;
    const half = Math.max(scale, Math.sqrt(peak) * middle * 0.96); // quiet speech stays visible
    context.fillRect(x, middle - half, step - scale, 2 * half);
  }
}

function parseColour(text) {
  const hex = text.replace("#", "");
  return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

function rampTable(stops) {
  const colours = stops.map(parseColour);
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (colours.length - 1);
    const low = Math.min(Math.floor(at), colours.length - 2);
    return colours[low].map((c, k) => Math.round(c + (colours[low + 1][k] - c) * (at - low)));
  });
}

const HANN = Float32Array.from(
  { length: FFT_SIZE },
  (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT_SIZE),
);

// In-place radix-2 transform.
function transform(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j]] = [re[j], re[i]];
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = (-2 * Math.PI) / size;
    for (let k = 0; k < size / 2; k++) {
      const c = Math.cos(angle * k);
      const s = Math.sin(angle * k);
      for (let i = k; i < n; i += size) {
        const j = i + size / 2;
        const x = re[j] * c - im[j] * s;
        const y = re[j] * s + im[j] * c;
        re[j] = re[i] - x;
        im[j] = im[i] - y;
        re[i] += x;
        im[i] += y;
      }
    }
  }
}

function powerAt(samples, length, start) {
  const re = new Float32Array(FFT_SIZE);
  const im = new Float32Array(FFT_SIZE);
  for (let i = 0; i < FFT_SIZE; i++) {
    const at = start + i;
    if (at >= 0 && at < length) re[i] = samples[at] * HANN[i];
  }
  transform(re, im);
  return Float32Array.from(
    { length: FFT_SIZE / 2 },
    (_, i) => 10 * Math.log10(re[i] * re[i] + im[i] * im[i] + 1e-10),
  );
}

// The bin for each row, from high at the top to low, even on the mel scale as the ear hears.
function melRows(n, rate) {
  const mel = (hz) => Math.log10(1 + hz / 700);
  const top = mel(Math.min(MAX_MEL_HZ, rate / 2));
  return Array.from({ length: n }, (_, row) => {
    const hz = 700 * (10 ** (top * (1 - row / (n - 1))) - 1);
    return Math.min(FFT_SIZE / 2 - 1, (hz / rate) * FFT_SIZE);
  });
}

function drawSpectrogram(canvas, samples, length, total, rate, colours) {
  const { context, width, height } = fitCanvas(canvas);
  if (!length || height < 2) return; // nothing made, or not in view
  const n = Math.min(width, 700, Math.max(1, Math.ceil((length / total) * width)));
  const columns = Array.from({ length: n }, (_, i) =>
    powerAt(samples, length, Math.floor(((i + 0.5) / n) * length) - FFT_SIZE / 2),
  );
  let loudest = -Infinity;
  for (const column of columns) for (const value of column) loudest = Math.max(loudest, value);
  const rows = melRows(Math.min(height, 160), rate);
  const table = rampTable(colours.ramp);
  const image = new ImageData(n, rows.length);
  rows.forEach((bin, y) => {
    const low = Math.floor(bin);
    const high = Math.min(low + 1, FFT_SIZE / 2 - 1);
    for (let x = 0; x < n; x++) {
      const power = columns[x][low] + (columns[x][high] - columns[x][low]) * (bin - low);
      const level = Math.min(1, Math.max(0, 1 - (loudest - power) / FLOOR_DB));
      const colour = table[Math.round(level * 255)];
      image.data.set([...colour, 255], 4 * (y * n + x));
    }
  });
  const sheet = new OffscreenCanvas(n, rows.length);
  sheet.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(sheet, 0, 0, Math.round((length / total) * width), height);
}
