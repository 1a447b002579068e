// Zooms and moves a picture that is larger than its place. Without scripts the place scrolls.
//
// .map-view             scrolls; holds one svg with its size in units; data-x, data-y: what to begin at
// [data-more]           said while a part of the picture is out of sight
// [data-zoom-tools]     buttons (data-zoom="in", "out", "whole") and an output; hidden where nothing would answer them

const LEAST = 0.15;
const MOST = 3;
const STEP = 1.25;
const READABLE = 0.8;
const CLICK_PX = 4;

function map(view) {
  const picture = view.querySelector("svg");
  const tools = view.parentElement.querySelector("[data-zoom-tools]");
  const more = view.parentElement.querySelector("[data-more]");
  const { width, height } = picture.viewBox.baseVal;
  let scale = 1;

  // Zooms so that what is under a point of the place stays there; its middle, where none is given.
  function zoom(wanted, x = view.clientWidth / 2, y = view.clientHeight / 2) {
    const before = picture.getBoundingClientRect();
    const place = view.getBoundingClientRect();
    const atX = (place.left + view.clientLeft + x - before.left) / scale;
    const atY = (place.top + view.clientTop + y - before.top) / scale;
    scale = Math.min(MOST, Math.max(LEAST, wanted));
    picture.setAttribute("width", width * scale);
    picture.setAttribute("height", height * scale);
    const after = picture.getBoundingClientRect();
    view.scrollLeft += after.left + atX * scale - (place.left + view.clientLeft + x);
    view.scrollTop += after.top + atY * scale - (place.top + view.clientTop + y);
    tools.querySelector("output").textContent = `${Math.round(scale * 100)} %`;
    more.hidden = view.scrollWidth <= view.clientWidth && view.scrollHeight <= view.clientHeight;
  }

  const whole = () => zoom(Math.min(1, (view.clientWidth - 2) / width, (view.clientHeight - 2) / height));
  const acts = { in: () => zoom(scale * STEP), out: () => zoom(scale / STEP), whole };
  const keys = { "+": acts.in, "=": acts.in, "-": acts.out, 0: whole };

  tools.addEventListener("click", (event) => acts[event.target.closest("[data-zoom]")?.dataset.zoom]?.());
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  view.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const place = view.getBoundingClientRect();
      zoom(scale * Math.exp(-event.deltaY / 300), event.clientX - place.left, event.clientY - place.top);
    },
    { passive: false },
  );
  drag(view);

  tools.hidden = false;
  zoom(Math.min(1, Math.max(READABLE, (view.clientWidth - 2) / width)));
  view.scrollLeft = view.dataset.x * scale - view.clientWidth / 2;
  view.scrollTop = view.dataset.y * scale - view.clientHeight / 2;
}

// Moves the picture with the mouse; a finger scrolls by itself. Letting go of what was moved opens no link.
function drag(view) {
  let from = null;
  let moved = false;
  view.classList.add("drags");
  view.addEventListener("dragstart", (event) => event.preventDefault());
  view.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    from = { x: event.clientX + view.scrollLeft, y: event.clientY + view.scrollTop, startX: event.clientX, startY: event.clientY };
    moved = false;
  });
  addEventListener("pointermove", (event) => {
    if (!from) return;
    moved ||= Math.hypot(event.clientX - from.startX, event.clientY - from.startY) > CLICK_PX;
    if (!moved) return;
    view.classList.add("dragged");
    view.scrollTo(from.x - event.clientX, from.y - event.clientY);
  });
  addEventListener("pointerup", () => {
    from = null;
    view.classList.remove("dragged");
  });
  view.addEventListener("click", (event) => moved && event.preventDefault(), true);
}

document.querySelectorAll(".map-view").forEach(map);
