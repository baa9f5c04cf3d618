"use strict";
(() => {
  const box = document.getElementById("tokens");
  const tokens = [...box.querySelectorAll(".t")];
  const details = document.getElementById("details");
  const cursor = document.getElementById("cursor");
  const plot = document.getElementById("plot");
  let current = -1;

  function select(index) {
    if (index < 0 || index >= tokens.length || index === current) return;
    if (current >= 0) tokens[current].classList.remove("on");
    current = index;
    const token = tokens[index];
    token.classList.add("on");
    details.textContent = token.title;
    cursor.setAttribute("x1", token.dataset.x);
    cursor.setAttribute("x2", token.dataset.x);
  }

  function move(index) {
    select(Math.max(0, Math.min(tokens.length - 1, index)));
    tokens[current].scrollIntoView({ block: "nearest" });
  }

  box.addEventListener("pointerover", (event) => {
    const token = event.target.closest(".t");
    if (token) select(tokens.indexOf(token));
  });
  box.addEventListener("click", (event) => {
    const token = event.target.closest(".t");
    if (token) select(tokens.indexOf(token));
  });
  box.addEventListener("focus", () => { if (current < 0) select(0); });
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 };
    if (event.key in steps) move(current + steps[event.key]);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(tokens.length - 1);
    else if (event.key === "f" || event.key === "F") {
      const next = tokens.findIndex((token, at) => at > current && token.classList.contains("f"));
      const first = tokens.findIndex((token) => token.classList.contains("f"));
      if (first >= 0) move(next >= 0 ? next : first);
    } else return;
    event.preventDefault();
  });
  plot.addEventListener("pointermove", (event) => {
    const point = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(plot.getScreenCTM().inverse());
    let best = 0;
    tokens.forEach((token, at) => {
      if (Math.abs(token.dataset.x - point.x) < Math.abs(tokens[best].dataset.x - point.x)) best = at;
    });
    select(best);
  });
  document.documentElement.dataset.ready = String(tokens.length);
})();
