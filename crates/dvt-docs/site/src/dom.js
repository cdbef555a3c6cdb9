// Elements from data. Text always becomes a text node, so nothing a project says can become markup.

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "style") element.style.cssText = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export function replace(element, ...children) {
  element.textContent = "";
  return append(element, children);
}

// Remembered where the browser allows it; a page opened as a file may not.
export function remember(key, value) {
  try {
    localStorage.setItem(`dvt-docs-${key}`, value);
  } catch {
    // The choice then lasts as long as the page.
  }
}

export function remembered(key) {
  try {
    return localStorage.getItem(`dvt-docs-${key}`);
  } catch {
    return null;
  }
}
