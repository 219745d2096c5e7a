/** Long settings: their parts are folded where there is little room, and what is at fault is never in a folded one. */
const NARROW = "(max-width: 720px)";

export function folds(): void {
  if (matchMedia(NARROW).matches)
    for (const part of document.querySelectorAll<HTMLDetailsElement>("details.fold")) part.open = false;
  // Before the browser looks for the first field at fault to point at: it skips what cannot be seen.
  document.addEventListener("invalid", (event) => reveal(event.target as Element), true);
}

export function reveal(place: Element): void {
  const part = place.closest<HTMLDetailsElement>("details.fold");
  if (part) part.open = true;
}
