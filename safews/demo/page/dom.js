// Making elements. Whatever a client, a server or an application has written goes in as text, never as markup.

export const byId = (id) => document.getElementById(id);

export function element(name, className = "", text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

export function fromTemplate(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

/** Set the text only if it is another, so that a selection in it survives. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Append to a list that scrolls, and keep its end in sight if it was. */
export function append(list, item, most) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(item);
  while (list.childElementCount > most) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

/** Let a button be pressed or not; one that may not stays in the order of the keyboard's focus. */
export function allow(button, allowed) {
  button.setAttribute("aria-disabled", String(!allowed));
}

export function isAllowed(button) {
  return button.getAttribute("aria-disabled") !== "true";
}
