// Makes elements. Text is always text: nothing that was recorded is ever read as HTML.

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") node.className = value;
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Replaces the rows of a list, keeping the focus of the one that has it and leaving equal ones be.
export function fill(parent, children) {
  const old = [...parent.children];
  const focused = parent.contains(document.activeElement) ? document.activeElement.href : null;
  if (old.length === children.length && old.every((node, i) => node.isEqualNode(children[i]))) return;
  parent.replaceChildren(...children);
  if (focused) [...parent.querySelectorAll("a")].find((link) => link.href === focused)?.focus();
}

export const icon = (name) => el("span", { class: "icon", ariaHidden: "true" }, name);

export function time(ms, text, title) {
  return el("time", { dateTime: new Date(ms).toISOString(), "data-ms": String(ms), title }, text);
}
