// Keyboard shortcuts, except while text is typed.

const typing = (target) =>
  target.matches("input:not([type=range], [type=file], [type=checkbox], [type=radio]), textarea, select");
const pressing = (target) => target.matches("button, a, summary, input");

/**
 * `keys`: functions by the key's name, with `Shift+`, `Mod+` (Ctrl or Command) before it, for while
 * `isActive(key)`.
 */
export function setUpShortcuts(keys, isActive) {
  addEventListener("keydown", (event) => {
    if (!isActive(event.key) || event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return;
    const mod = event.ctrlKey || event.metaKey;
    if (typing(event.target)) return;
    const own = event.key === " " || event.key === "Enter" || event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End" || event.key.startsWith("Page");
    if (pressing(event.target) && own) return;
    const digit = /^Digit(\d)$/.exec(event.code);
    const key = digit ? digit[1] : event.key.length === 1 ? event.key.toLowerCase() : event.key;
    // The character of Shift with a digit depends on the keyboard layout.
    const shifted = event.shiftKey && (digit || event.key.length > 1) ? "Shift+" : "";
    const action = keys[`${mod ? "Mod+" : ""}${shifted}${key}`] ?? (mod ? null : keys[event.key]);
    if (!action) return;
    event.preventDefault();
    action();
  });
}
