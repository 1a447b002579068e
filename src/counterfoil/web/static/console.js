// Makes pages live where scripts run; every page works without.
//
// data-private          a field whose value never stands in an address
// data-live="#part"     a form whose answer replaces that part while somebody types
// data-progress="url"   an element that follows work by server-sent events
// data-watch="seconds"  a part, with an id, that is taken anew from the page's own address while it says so
// data-once             a form that is sent once, however often the button is pressed

const PAUSE_MS = 600;

function live(form) {
  const part = form.dataset.live;
  let timer = 0;
  let asked = null;

  async function ask() {
    asked?.abort();
    asked = new AbortController();
    const place = document.querySelector(part);
    const body = new URLSearchParams(new FormData(form));
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body, signal: asked.signal, headers: { accept: "text/html" } });
      if (answer.redirected) return void location.assign(answer.url);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector(part) ?? page.querySelector("main > section");
      if (fresh) {
        fresh.id = place.id;
        place.replaceWith(document.importNode(fresh, true));
        history.replaceState(null, "", addressOf(form));
      }
    } catch (error) {
      if (error.name !== "AbortError") form.submit();
    } finally {
      document.querySelector(part)?.removeAttribute("aria-busy");
    }
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    ask();
  });
}

function addressOf(form) {
  const url = new URL(form.action);
  if ([...form.querySelectorAll("[data-private]")].some((field) => field.value !== "")) return url;
  const shown = [...form.elements].filter((field) => field.name && field.type !== "hidden" && field.value !== "");
  url.search = new URLSearchParams(shown.map((field) => [field.name, field.value]));
  return url;
}

function follow(row) {
  const bar = row.querySelector("progress");
  const words = row.querySelector("[data-words]");
  const events = new EventSource(row.dataset.progress);
  const show = (event) => {
    const job = JSON.parse(event.data);
    if (job.total) {
      bar.max = job.total;
      bar.value = job.done;
    }
    words.textContent = job.total ? `${job.done.toLocaleString("en")} of ${job.total.toLocaleString("en")}` : (job.told?.step ?? job.state);
    if (!["waiting", "running"].includes(job.state)) {
      events.close();
      location.reload();
    }
  };
  events.addEventListener("job", show);
  addEventListener("pagehide", () => events.close());
}

function watch(part) {
  setTimeout(async () => {
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.status >= 500) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = answer.ok && !answer.redirected ? page.getElementById(part.id) : null;
      if (!fresh) return;
      const made = document.importNode(fresh, true);
      part.replaceWith(made);
      made.querySelectorAll("[data-newest]").forEach((each) => (each.scrollTop = each.scrollHeight));
      if (made.dataset.watch) watch(made);
    } catch {
      watch(part); // the node does not answer now; it may in a moment
    }
  }, Number(part.dataset.watch) * 1000);
}

function once(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "true";
  });
  addEventListener("pageshow", () => delete form.dataset.sent);
}

document.querySelectorAll("form[data-live]").forEach(live);
document.querySelectorAll("[data-progress]").forEach(follow);
document.querySelectorAll("[data-watch]").forEach(watch);
document.querySelectorAll("form[data-once]").forEach(once);
