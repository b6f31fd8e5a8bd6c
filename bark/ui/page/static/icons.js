// Small things that every part of the page is made of.

const PLAY_ICON = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2l10 6-10 6z"/></svg>';
const PAUSE_ICON =
  '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3 2h4v12H3zM9 2h4v12H9z"/></svg>';
const STAR_ICON =
  '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 1.3l2 4.4 4.8.6-3.5 3.3.9 4.7L8 12l-4.2 2.3.9-4.7L1.200 6.300 6 5.700z"/></svg>';

function make(tag, className, attributes = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Where menus are put that lie over the page: the page's style holds within.
function outermost() {
  return document.querySelector(".gradio-container") || document.body;
}

function clockTime(seconds) {
  const tenths = Math.round(seconds * 10);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

const LOOP_ICON =
  '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M11 1l3 3-3 3V5H5a2 2 0 0 0-2 2v1H1V7a4 4 0 0 1 4-4h6zM5 15l-3-3 3-3v2h6a2 2 0 0 0 2-2V8h2v1a4 4 0 0 1-4 4H5z"/></svg>';

// The loudest values of a take in equal parts, 0 to 1, as the server packs them.
function unpackPeaks(text) {
  return Array.from(atob(text), (letter) => letter.charCodeAt(0) / 255);
}

const SVG = "http://www.w3.org/2000/svg";

function thumbnail(peaks) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${peaks.length * 2} 24`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  const half = (peak) => Math.max(0.6, 11.5 * Math.sqrt(peak));
  path.setAttribute(
    "d",
    peaks.map((peak, i) => `M${i * 2 + 0.5} ${12 - half(peak)}V${12 + half(peak)}`).join(""),
  );
  svg.append(path);
  return svg;
}
