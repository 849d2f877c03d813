// Radio buttons in a named group, as screen readers expect them.

export function choices(legend, name, options) {
  const group = document.createElement("fieldset");
  const title = document.createElement("legend");
  title.textContent = legend;
  group.append(title);
  for (const { value, label, detail } of options) {
    const row = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name, value, required: true });
    const text = document.createElement("span");
    text.append(label);
    if (detail) {
      const small = document.createElement("small");
      small.textContent = detail;
      text.append(" ", small);
    }
    row.append(input, text);
    group.append(row);
  }
  return group;
}

// The questions of all axes, each for both outputs.
export function ratings(axes) {
  return axes.map(({ name, question, labels }) => {
    const axis = document.createElement("fieldset");
    axis.className = "axis card";
    const title = document.createElement("legend");
    title.textContent = question;
    const outputs = document.createElement("div");
    outputs.className = "outputs";
    for (const side of ["a", "b"]) {
      const options = labels.map((detail, n) => ({ value: n + 1, label: String(n + 1), detail }));
      const scale = choices(`Output ${side.toUpperCase()}, ${name}`, `${side}_${name}`, options);
      scale.classList.add("scale");
      scale.querySelector("legend").style.gridColumn = "1 / -1";
      outputs.append(scale);
    }
    axis.append(title, outputs);
    return axis;
  });
}
