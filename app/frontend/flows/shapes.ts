/** A family's shape, drawn around a box: the same words always stand in the same silhouette. */
import type { Family } from "./kinds.ts";

/** The outline of a step of this size, as the path of an SVG. */
export function shapeOf(family: Family, width: number, height: number): string {
  const [w, h] = [width, height];
  if (family === "ask") return `M12 0H${w - 12}L${w} 12V${h - 12}L${w - 12} ${h}H12L0 ${h - 12}V12Z`;
  if (family === "decide") return `M14 0H${w}L${w - 14} ${h}H0Z`;
  if (family === "route") return rounded(w, h, Math.min(26, h / 2));
  if (family === "end") return `${rounded(w, h, 4)}M4 4H${w - 4}V${h - 4}H4Z`;
  return rounded(w, h, 9);
}

function rounded(w: number, h: number, r: number): string {
  return `M${r} 0H${w - r}A${r} ${r} 0 0 1 ${w} ${r}V${h - r}A${r} ${r} 0 0 1 ${w - r} ${h}H${r}A${r} ${r} 0 0 1 0 ${h - r}V${r}A${r} ${r} 0 0 1 ${r} 0Z`;
}

/** A line that leaves to the right, runs through the points and arrives from the left. */
export function lineThrough(points: [number, number][], straight: number): string {
  const [first, ...rest] = points;
  if (!first || !rest.length) return "";
  const start: [number, number] = [first[0] + straight, first[1]];
  let path = `M${first[0]} ${first[1]}H${start[0]}`;
  let from = start;
  for (const to of rest) {
    const pull = Math.max(24, (to[0] - from[0]) / 2);
    path += `C${from[0] + pull} ${from[1]} ${to[0] - pull} ${to[1]} ${to[0]} ${to[1]}`;
    from = to;
  }
  return path;
}

let ruler: CanvasRenderingContext2D | null = null;
const widths = new Map<string, number>();

/** The text cut to this many pixels, with an ellipsis where it was cut. */
export function clipped(text: string, pixels: number, font: string): string {
  if (widthOf(text, font) <= pixels) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (widthOf(`${text.slice(0, middle)}…`, font) <= pixels) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low).trimEnd()}…`;
}

export function widthOf(text: string, font: string): number {
  const key = `${font}|${text}`;
  const known = widths.get(key);
  if (known !== undefined) return known;
  ruler ??= document.createElement("canvas").getContext("2d");
  if (!ruler) return text.length * 7;
  ruler.font = font;
  const width = ruler.measureText(text).width;
  if (widths.size > 20_000) widths.clear();
  widths.set(key, width);
  return width;
}
