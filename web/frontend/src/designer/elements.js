// Elements made without markup in strings.

/** Makes an element: `h('p', {class: 'x'}, 'text', child)`; attributes that are false or null are left out. */
export function h(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (key === 'value') made.value = value ?? '';
    else if (key === 'checked' || key === 'selected' || key === 'disabled') made[key] = Boolean(value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}
