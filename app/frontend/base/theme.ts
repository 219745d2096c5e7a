/** Runs before the first paint, so that a dark page never flashes white. The choice is "light", "dark" or none: the system's. */
const KEY = "throughline.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
  const chosen = localStorage.getItem(KEY);
  const theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
  document.documentElement.setAttribute("data-bs-theme", theme);
  document.documentElement.dataset["themeChoice"] = chosen ?? "system";
}

apply();
dark.addEventListener("change", apply);
addEventListener("storage", (event) => event.key === KEY && apply());
addEventListener("throughline:theme", (event) => {
  const choice = (event as CustomEvent<string>).detail;
  if (choice === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, choice);
  apply();
});
