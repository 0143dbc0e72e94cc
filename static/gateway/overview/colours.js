// The stylesheet's colours, read anew when light and dark change places.

const NAMES = ["text", "muted", "line", "up", "down", "accent", "warn", "surface", "fill", "held"];

export function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
