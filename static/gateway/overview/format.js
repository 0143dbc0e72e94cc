// How numbers and times are written. Decimals arrive as strings and are shown as they are.

const clock = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const day = new Intl.DateTimeFormat("en-CA", { timeZone: "UTC", month: "2-digit", day: "2-digit" });

const local = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});

export const localClock = (ms) => local.format(ms);
export const utcClock = (ms) => clock.format(ms);
export const utcDay = (ms) => day.format(ms);

export function price(value) {
  const size = Math.abs(value);
  const digits = size >= 1000 ? 2 : size >= 10 ? 3 : size >= 0.1 ? 5 : 8;
  return value.toLocaleString("en-US", { minimumFractionDigits: Math.min(digits, 2), maximumFractionDigits: digits });
}

export function money(value) {
  return value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

export function signed(value) {
  return (value > 0 ? "+" : value < 0 ? "−" : "") + money(Math.abs(value));
}

export function decimal(text) {
  if (text === null) return "–";
  return text.includes(".") && !/e/i.test(text) ? text.replace(/\.?0+$/, "") : text;
}

export function factor(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(3);
  return value.toLocaleString("en-US", { maximumSignificantDigits: 7 });
}
