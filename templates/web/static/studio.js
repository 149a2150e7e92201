// The studio: frames as high as their mails, and a new picture as soon as something was saved. Without it, reload the page.
"use strict";
(() => {
  const studio = document.querySelector(".studio");
  if (!studio) return;
  const live = document.getElementById("live");
  const frames = () => document.querySelectorAll(".desk iframe:not(.coming)");

  const fit = (frame) => {
    const page = frame.contentDocument;
    if (!page || !page.body) return;
    const scale = Number(getComputedStyle(frame).getPropertyValue("--scale")) || 1;
    // A page is never less high than its window.
    frame.style.height = "0";
    const height = Math.max(page.documentElement.scrollHeight, page.body.scrollHeight);
    frame.style.height = `${height}px`;
    frame.parentElement.style.height = `${Math.ceil(height * scale) + 2}px`;
  };
  const fitAll = () => frames().forEach(fit);
  const follow = () => frames().forEach((frame) => {
    frame.addEventListener("load", () => fit(frame));
    fit(frame);
  });

  // A frame is replaced when the new picture is there, so that nothing blinks; where there is none, the last one stays.
  const renew = (frame) => new Promise((resolve) => {
    const stage = frame.parentElement;
    for (const late of stage.querySelectorAll(".coming")) late.remove();
    const next = frame.cloneNode(false);
    const address = new URL(frame.src);
    address.searchParams.set("v", String(Date.now()));
    next.src = address.href;
    next.classList.add("coming");
    next.addEventListener("load", () => {
      resolve();
      if (!next.isConnected) return;
      // What is no mail does not let itself be framed.
      if (!next.contentDocument || !next.contentDocument.body) { next.remove(); return; }
      next.classList.remove("coming");
      frame.remove();
      fit(next);
    }, { once: true });
    stage.append(next);
    // A request may be cut off, and then nothing is said of it.
    setTimeout(resolve, 2000);
  });

  const renewChoices = (fresh) => {
    const [now, then] = [document.querySelector(".choices"), fresh.querySelector(".choices")];
    if (!now || !then || now.contains(document.activeElement) || now.innerHTML === then.innerHTML) return;
    const scrolled = now.querySelector(".long")?.scrollTop ?? 0;
    now.replaceWith(then);
    const list = then.querySelector(".long");
    if (list) list.scrollTop = scrolled;
  };

  const renewWords = async () => {
    const answer = await fetch(studio.dataset.page, { cache: "no-store" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!fresh.querySelector(".studio")) return;
    renewChoices(fresh);
    const isFramed = document.querySelector(".desk") && fresh.querySelector(".desk");
    const parts = isFramed ? [".envelope .facts", ".envelope h2", ".envelope .meta", "#live"] : ["#shown", "#live"];
    const typed = document.getElementById("address")?.value;
    for (const part of parts) {
      const [now, then] = [document.querySelector(part), fresh.querySelector(part)];
      if (!now || !then) continue;
      if (part === "#live") now.textContent = then.textContent;
      else now.replaceWith(document.adoptNode(then));
    }
    const address = document.getElementById("address");
    if (address && typed) address.value = typed;
    if (!isFramed) follow();
  };

  const look = async () => {
    const answer = await fetch(studio.dataset.state, { cache: "no-store" });
    if (!answer.ok) return;
    const state = await answer.json();
    const problem = document.getElementById("problem");
    if (state.problem) {
      const words = document.getElementById("problem-words");
      if (words.textContent !== state.problem) words.textContent = state.problem;
      problem.hidden = false;
      return;
    }
    problem.hidden = true;
    if (state.mark === studio.dataset.mark) return;
    const wasPicture = studio.dataset.mark !== "nothing";
    studio.dataset.mark = state.mark;
    // First the picture, which is waited for.
    if (wasPicture && state.mark !== "nothing") await Promise.all([...frames()].map(renew));
    await renewWords();
  };

  // One look at a time: a slow answer must not come after a newer one.
  let isLooking = false, isDue = false;
  const lookSoon = async () => {
    isDue = true;
    if (isLooking) return;
    isLooking = true;
    try {
      while (isDue) {
        isDue = false;
        await look();
      }
    } catch {
      // The server went; when it is back, events tell of it.
    } finally {
      isLooking = false;
    }
  };

  // What a button did is shown below an address of its own, which a reload would do again.
  if (location.pathname !== studio.dataset.page.split("?")[0]) history.replaceState(null, "", studio.dataset.page);
  follow();
  addEventListener("resize", fitAll);
  const events = new EventSource(studio.dataset.events);
  events.addEventListener("changed", lookSoon);
  events.addEventListener("open", () => live.classList.add("live"));
  events.addEventListener("error", () => live.classList.remove("live"));
})();
