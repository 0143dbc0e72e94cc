// The strokes of the price chart. A frame is {context, area, x, y, palette, words}; x and y are Chart.js scales.

import { price } from "./format.js";

const RIBBON = 6; // height in px of the marks of held bars at the foot
const GAP = 9; // px between a candle and the mark of its decision

export function drawCandles({ context, x, y, palette }, { bars, step }) {
  const width = Math.max(1, Math.floor(slotWidth(x, bars, step) * 0.7));
  for (const bar of bars) {
    const rises = bar.close >= bar.open;
    const centre = Math.round(x.getPixelForValue(bar.open_time + step / 2)) + 0.5;
    const top = y.getPixelForValue(Math.max(bar.open, bar.close));
    const height = Math.max(1, y.getPixelForValue(Math.min(bar.open, bar.close)) - top);
    context.strokeStyle = context.fillStyle = rises ? palette.up : palette.down;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(centre, y.getPixelForValue(bar.high));
    context.lineTo(centre, y.getPixelForValue(bar.low));
    context.stroke();
    context.fillRect(centre - width / 2, top, width, height);
    if (rises && width > 4) { // hollow: rising and falling differ in form too
      context.fillStyle = palette.surface;
      context.fillRect(centre - width / 2 + 1, top + 1, width - 2, Math.max(0, height - 2));
    }
  }
}

export function drawOrders({ context, area, x, y, palette }, { orders, hits }) {
  for (const order of orders) {
    const level = order.trigger_px ?? order.px;
    if (level === null || order.state === "REFUSED") continue;
    const height = Math.round(y.getPixelForValue(Number(level))) + 0.5;
    const from = Math.max(area.left, x.getPixelForValue(order.ts));
    const to = order.is_open ? area.right : x.getPixelForValue(order.updated);
    if (height < area.top || height > area.bottom || to < area.left) continue;
    context.strokeStyle = order.purpose === "stop" ? palette.warn : palette.accent;
    context.globalAlpha = order.is_open ? 1 : 0.5;
    context.setLineDash([4, 3]);
    line(context, from, height, Math.max(to, from + 3), height);
    context.setLineDash([]);
    context.globalAlpha = 1;
    if (order.is_open) label(context, { left: area.left + 4, right: area.right, y: height }, `${order.purpose} ${price(Number(level))}`, context.strokeStyle, palette.surface);
    hits.push({ x: (from + to) / 2, y: height, rx: Math.max(3, (to - from) / 2), ry: 4, item: order });
  }
}

export function drawFills({ context, area, x, y, palette, words }, { fills, hits }) {
  for (const fill of fills) {
    const at = { x: x.getPixelForValue(fill.ts), y: y.getPixelForValue(Number(fill.px)) };
    if (at.x < area.left) continue;
    context.beginPath();
    context.arc(at.x, at.y, 3.5, 0, 2 * Math.PI);
    context.fillStyle = palette.fill;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = palette.surface;
    context.stroke();
    if (fill.origin === "ours") hits.push({ ...at, rx: 6, ry: 6, item: { kind: "order", key: fill.order } });
    else label(context, { left: at.x + 8, right: area.right, y: at.y }, words[fill.origin], palette.warn, palette.surface);
  }
}

export function drawDecisions(frame, { bars, step, decisions, hits }) {
  const barAt = new Map(bars.map((bar) => [bar.ts, bar]));
  const slot = slotWidth(frame.x, bars, step);
  for (const decision of decisions) {
    const bar = barAt.get(decision.ts);
    if (!bar) continue;
    const centre = frame.x.getPixelForValue(bar.open_time + step / 2);
    const at = decision.action === "HOLD" ? held(frame, decision, centre, slot) : taken(frame, decision, bar, centre);
    hits.push({ x: centre, ...at, item: decision });
  }
}

export function drawLastPrice({ context, area, y, palette }, { last }) {
  if (!last) return;
  const height = Math.round(y.getPixelForValue(last.px)) + 0.5;
  context.strokeStyle = palette.muted;
  context.setLineDash([1, 3]);
  line(context, area.left, height, area.right, height);
  context.setLineDash([]);
  context.font = "600 11px Inter, sans-serif";
  const words = price(last.px);
  context.fillStyle = palette.accent;
  context.fillRect(area.right + 1, height - 9, context.measureText(words).width + 10, 18);
  context.fillStyle = palette.surface;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillText(words, area.right + 6, height + 0.5);
}

export function drawCursor({ context, area, x, palette }, { bars, step }, index) {
  const centre = Math.round(x.getPixelForValue(bars[index].open_time + step / 2)) + 0.5;
  context.strokeStyle = palette.muted;
  line(context, centre, area.top, centre, area.bottom);
}

// Near the bars, because Chart.js bounds pixels far from its area.
function slotWidth(x, bars, step) {
  return x.getPixelForValue(bars[0].open_time + step) - x.getPixelForValue(bars[0].open_time);
}

function held({ context, area, palette }, decision, centre, slot) {
  const width = Math.max(2, Math.min(6, slot * 0.6));
  context.fillStyle = decision.rule === null ? palette.held : palette.warn;
  context.fillRect(centre - width / 2, area.bottom - RIBBON, width, RIBBON);
  return { y: area.bottom - RIBBON / 2, rx: Math.max(3, slot / 2), ry: RIBBON };
}

function taken({ context, y, palette }, decision, bar, centre) {
  const isBuy = decision.action === "BUY";
  const middle = isBuy ? y.getPixelForValue(bar.low) + GAP : y.getPixelForValue(bar.high) - GAP;
  const size = 5;
  context.fillStyle = { BUY: palette.up, SELL: palette.down, CLOSE: palette.text }[decision.action];
  context.beginPath();
  if (decision.action === "CLOSE") {
    context.rect(centre - size + 1, middle - size + 1, 2 * size - 2, 2 * size - 2);
  } else {
    const tip = isBuy ? -size : size;
    context.moveTo(centre, middle + tip);
    context.lineTo(centre - size, middle - tip);
    context.lineTo(centre + size, middle - tip);
    context.closePath();
  }
  context.fill();
  return { y: middle, rx: 8, ry: 8 };
}

function line(context, x0, y0, x1, y1) {
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

function label(context, { left, right, y }, words, colour, ground) {
  context.font = "500 10px Inter, sans-serif";
  const width = context.measureText(words).width + 8;
  const from = Math.min(left, right - width);
  context.fillStyle = ground;
  context.fillRect(from, y - 7, width, 14);
  context.fillStyle = colour;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillText(words, from + 4, y);
}
