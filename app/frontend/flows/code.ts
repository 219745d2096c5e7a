/** The file's text in CodeMirror: colours, completion, explanations, problems underlined. It lives in a shadow root, so that its styles need no leave from the page's policy. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, isolateHistory, redo, redoDepth, undo, undoDepth } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, bracketMatching, foldGutter, foldKeymap, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Annotation, Compartment, EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, hoverTooltip, keymap, lineNumbers, type DecorationSet, type Tooltip } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { h } from "../lib/dom.ts";
import { Emitter } from "../lib/emitter.ts";
import { t } from "../lib/texts.ts";
import { explain, suggest, type Names } from "./complete.ts";
import type { Replacement } from "./edit.ts";
import type { FlowSchema } from "./schema.ts";
import type { Fault } from "./types.ts";

const fromOutside = Annotation.define<boolean>();
const litLines = StateEffect.define<{ from: number; to: number } | null>();

const lit = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(now, transaction) {
    let next = now.map(transaction.changes);
    for (const effect of transaction.effects) if (effect.is(litLines)) next = linesOf(transaction.state, effect.value);
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function linesOf(state: EditorState, range: { from: number; to: number } | null): DecorationSet {
  if (!range) return Decoration.none;
  const first = state.doc.lineAt(Math.min(range.from, state.doc.length)).number;
  const last = state.doc.lineAt(Math.min(range.to, state.doc.length)).number;
  const marks = [];
  for (let number = first; number <= last; number += 1)
    marks.push(Decoration.line({ class: "cm-of-step" }).range(state.doc.line(number).from));
  return Decoration.set(marks);
}

export class Code {
  readonly view: EditorView;
  /** The text changed, by whomever. */
  readonly changed = new Emitter<void>();
  /** The cursor went somewhere by hand. */
  readonly moved = new Emitter<number>();
  private readonly writable = new Compartment();

  constructor(place: HTMLElement, text: string, schema: FlowSchema, names: Names) {
    const root = place.attachShadow({ mode: "open" });
    this.view = new EditorView({
      parent: root,
      root,
      state: EditorState.create({ doc: text, extensions: this.extensions(schema, names) }),
    });
    this.scrollable();
  }

  /** The text without a cursor in it can be scrolled by keys, too. */
  private scrollable(): void {
    this.view.scrollDOM.tabIndex = 0;
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  /** One step of undo; the same history for what was typed, drawn or filled in. `together` joins it with the step before, as typing does. */
  change(changes: Replacement[], { together = false }: { together?: boolean } = {}): void {
    if (!changes.length) return;
    this.view.dispatch({
      changes,
      annotations: [fromOutside.of(true), ...(together ? [] : [isolateHistory.of("full")])],
      userEvent: together ? "input.type" : "input.diagram",
    });
  }

  /** Another text altogether, as one step of undo; only the lines that differ are touched. */
  replaceAll(text: string): void {
    const now = this.text;
    if (now === text) return;
    let from = 0;
    while (from < now.length && from < text.length && now[from] === text[from]) from += 1;
    let end = 0;
    while (end < now.length - from && end < text.length - from && now[now.length - 1 - end] === text[text.length - 1 - end]) end += 1;
    this.change([{ from, to: now.length - end, insert: text.slice(from, text.length - end) }]);
  }

  undo(): void {
    undo(this.view);
  }

  redo(): void {
    redo(this.view);
  }

  get canUndo(): boolean {
    return undoDepth(this.view.state) > 0;
  }

  get canRedo(): boolean {
    return redoDepth(this.view.state) > 0;
  }

  setWritable(may: boolean): void {
    this.view.dispatch({ effects: this.writable.reconfigure([EditorState.readOnly.of(!may), EditorView.editable.of(may)]) });
  }

  showFaults(faults: Fault[]): void {
    this.view.dispatch(setDiagnostics(this.view.state, faults.map((fault) => this.diagnostic(fault))));
  }

  private diagnostic(fault: Fault): Diagnostic {
    const { doc } = this.view.state;
    const line = doc.line(Math.min(Math.max(1, fault.line), doc.lines));
    const from = Math.min(line.from + Math.max(0, fault.column - 1), line.to);
    const word = /^[^\s#,:{}[\]]+/.exec(doc.sliceString(from, line.to))?.[0].length ?? 0;
    return { from, to: from + word, severity: fault.severity, message: fault.message };
  }

  /** Colour the lines of the chosen step, and bring them into sight. */
  light(range: { from: number; to: number } | null, { reveal = false }: { reveal?: boolean } = {}): void {
    const effects: StateEffect<unknown>[] = [litLines.of(range)];
    if (reveal && range) effects.push(EditorView.scrollIntoView(Math.min(range.from, this.view.state.doc.length), { y: "nearest", yMargin: 60 }));
    this.view.dispatch({ effects });
  }

  goTo(line: number, column = 1): void {
    const { doc } = this.view.state;
    const at = doc.line(Math.min(Math.max(1, line), doc.lines));
    const place = Math.min(at.from + column - 1, at.to);
    this.view.dispatch({ selection: { anchor: place }, effects: EditorView.scrollIntoView(place, { y: "center" }) });
    this.view.focus();
  }

  private extensions(schema: FlowSchema, names: Names) {
    return [
      lineNumbers(),
      foldGutter(),
      lintGutter(),
      history(),
      drawSelection(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSelectionMatches(),
      bracketMatching(),
      closeBrackets(),
      search({ top: true }),
      yaml(),
      indentUnit.of("  "),
      lit,
      syntaxHighlighting(COLOURS),
      THEME,
      EditorView.lineWrapping,
      autocompletion({ override: [(context) => completions(context, schema, names)] }),
      hoverTooltip((view, offset) => explained(schema, view.state.doc.toString(), offset), { hoverTime: 250 }),
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, indentWithTab]),
      EditorView.contentAttributes.of({ "aria-label": t("The flow's text. Escape, then Tab leaves it."), spellcheck: "false" }),
      EditorState.phrases.of(phrases()),
      this.writable.of([]),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) this.changed.emit();
        const byHand = update.transactions.some((each) => !each.annotation(fromOutside));
        if (update.selectionSet || (update.docChanged && byHand)) this.moved.emit(update.state.selection.main.head);
      }),
    ];
  }
}

function completions(context: CompletionContext, schema: FlowSchema, names: Names): CompletionResult | null {
  const { from, found } = suggest(schema, context.state.doc.toString(), context.pos, names);
  const typed = context.state.sliceDoc(from, context.pos);
  if (!context.explicit && !/^[\w-]+$/.test(typed)) return null;
  if (!found.length) return null;
  return {
    from,
    options: found.map(({ label, detail, info, insert }) => ({ label, detail, apply: insert, ...(info ? { info } : {}) })),
    validFor: /^[\w-]*$/,
  };
}

function explained(schema: FlowSchema, text: string, offset: number): Tooltip | null {
  const found = explain(schema, text, offset);
  if (!found) return null;
  const create = () => ({
    dom: h(
      "div",
      { class: "cm-explained" },
      h("strong", {}, found.name),
      found.accepts ? h("span", { class: "cm-accepts" }, found.accepts) : null,
      found.words ? h("p", {}, found.words) : null,
    ),
  });
  return { pos: found.from, end: found.to, above: true, create };
}

function phrases(): Record<string, string> {
  return {
    Find: t("Find"),
    Replace: t("Replace"),
    next: t("next"),
    previous: t("previous"),
    all: t("all"),
    "match case": t("match case"),
    regexp: t("pattern"),
    "by word": t("whole words"),
    replace: t("replace"),
    "replace all": t("replace all"),
    close: t("close"),
    "No diagnostics": t("No problems"),
  };
}

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.number, tags.bool, tags.keyword, tags.labelName, tags.typeName], color: "var(--wrap)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--ink-faint)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace, tags.meta], color: "var(--ink-muted)" },
]);

const THEME = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "var(--ink)", backgroundColor: "var(--raised)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--raised)", color: "var(--ink-faint)", border: "none" },
  ".cm-activeLine": { backgroundColor: "var(--hover)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--hover)", color: "var(--ink)" },
  ".cm-of-step": { backgroundColor: "color-mix(in srgb, var(--accent) 7%, transparent)", boxShadow: "inset 2px 0 0 var(--accent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 24%, transparent)",
  },
  ".cm-selectionMatch": { backgroundColor: "var(--accent-soft)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)" },
  ".cm-lintRange-error": { backgroundImage: "none", borderBottom: "2px dotted var(--unreachable)" },
  ".cm-lintRange-warning": { backgroundImage: "none", borderBottom: "2px dotted var(--busy)" },
  ".cm-tooltip": {
    border: "none",
    borderRadius: "8px",
    backgroundColor: "var(--raised)",
    color: "var(--ink)",
    boxShadow: "var(--shadow-float)",
    overflow: "hidden",
  },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12.5px", maxHeight: "240px" },
  ".cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { marginLeft: "10px", fontStyle: "normal", opacity: "0.8" },
  ".cm-completionInfo": { maxWidth: "380px", padding: "8px 10px", whiteSpace: "pre-wrap", fontSize: "12.5px" },
  ".cm-explained": { maxWidth: "460px", padding: "8px 11px", font: "400 12.5px/1.5 var(--text)" },
  ".cm-explained p": { margin: "5px 0 0", whiteSpace: "pre-wrap", maxHeight: "260px", overflow: "auto" },
  ".cm-accepts": { marginLeft: "8px", color: "var(--ink-muted)" },
  ".cm-diagnostic": { padding: "6px 10px", font: "400 12.5px/1.45 var(--text)", borderLeft: "3px solid" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--unreachable)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--busy)" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--ink)", borderBottom: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "6px 10px", font: "400 12.5px/1.6 var(--text)" },
  ".cm-textfield": { border: "1px solid var(--line-strong)", borderRadius: "6px", backgroundColor: "var(--raised)", color: "var(--ink)" },
  ".cm-button": { border: "1px solid var(--line-strong)", borderRadius: "6px", backgroundImage: "none", backgroundColor: "var(--raised)", color: "var(--ink)" },
  ".cm-foldPlaceholder": { border: "none", backgroundColor: "var(--pressed)", color: "var(--ink-muted)" },
});
