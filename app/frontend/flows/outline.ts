/** Which lines of the file belong to which step: a scan of the lines alone, so that it costs nothing while one types and also reads broken files. */

export interface Block {
  id: string;
  /** Offsets of the block in the text: from the start of its first line to the end of its last line that says something. */
  from: number;
  to: number;
  /** Offsets of the id itself, quotes included. */
  idFrom: number;
  idTo: number;
  /** Lines count from 1. */
  line: number;
  endLine: number;
}

export interface Outline {
  /** Columns that every id stands in from the left. */
  indent: number;
  blocks: Block[];
  /** Offset of the end of the line `nodes:`; -1 in a file without it. */
  nodesAt: number;
  /** Offset where the last step ends: what is added goes there. */
  end: number;
  /** Offset where what follows the steps begins, such as test calls. */
  until: number;
}

const KEY = /^( *)("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#'"&*!|>%@`[\]{},?:-][^#]*?|-[^\s#][^#]*?)\s*:(?=\s|$)/;

export function outline(text: string): Outline {
  const found: Outline = { indent: 2, blocks: [], nodesAt: -1, end: text.length, until: text.length };
  let open: Block | null = null;
  let offset = 0;
  let lineNo = 0;
  let indent = -1;
  let inside = false;
  let lastSaid = 0;
  for (const line of text.split("\n")) {
    lineNo += 1;
    const says = line.trim() !== "";
    const margin = line.length - line.trimStart().length;
    const isComment = line.trimStart().startsWith("#");
    if (!inside && /^nodes\s*:\s*(#.*)?$/.test(line)) {
      inside = true;
      found.nodesAt = offset + line.length;
      lastSaid = found.nodesAt;
    } else if (inside && says && !isComment && margin === 0) {
      inside = false;
      open = null;
      found.until = offset;
    } else if (inside && says && !isComment && (indent < 0 || margin === indent)) {
      const key = KEY.exec(line);
      if (key) {
        indent = margin;
        const idFrom = offset + margin;
        const id = key[2] ?? "";
        open = {
          id: bare(id),
          from: offset,
          to: offset + line.length,
          idFrom,
          idTo: idFrom + id.length,
          line: lineNo,
          endLine: lineNo,
        };
        found.blocks.push(open);
        lastSaid = open.to;
      }
    } else if (inside && open && says && margin > indent) {
      open.to = offset + line.length;
      open.endLine = lineNo;
      lastSaid = open.to;
    }
    offset += line.length + 1;
  }
  found.indent = indent < 0 ? 2 : indent;
  found.end = found.nodesAt < 0 ? text.length : lastSaid;
  return found;
}

function bare(id: string): string {
  return /^["']/.test(id) ? id.slice(1, -1) : id;
}

/** The step that a place in the text belongs to; the blank lines and comments after a step are still its own, up to what follows the steps. */
export function blockAt(found: Outline, offset: number): Block | null {
  let best: Block | null = null;
  for (const block of found.blocks) if (block.from <= offset) best = block;
  return found.nodesAt >= 0 && offset >= found.nodesAt && offset < found.until ? best : null;
}

export function blockOf(found: Outline, id: string): Block | null {
  return found.blocks.find((block) => block.id === id) ?? null;
}
