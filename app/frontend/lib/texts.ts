/** The page's words in its language. Templates put `<script type="application/json" data-texts>` in the page: English → translated. */

let catalogue: Record<string, string> | null = null;

function texts(): Record<string, string> {
  catalogue ??= Object.assign(
    {},
    ...[...(globalThis.document?.querySelectorAll("script[data-texts]") ?? [])].map((part) => JSON.parse(part.textContent ?? "{}")),
  ) as Record<string, string>;
  return catalogue;
}

/** `t("Calling {name}", { name })`: the English text is its own key, and what is shown when a language lacks it. */
export function t(english: string, values: Record<string, string | number> = {}): string {
  const text = texts()[english] ?? english;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Says of a text in a table that it will go through `t` later, so that it is found for translation. */
export function mark(english: string): string {
  return english;
}
