/** Everything the check found, in plain words; a press goes to the place. */
import { h, icon } from "../../lib/dom.ts";
import { t } from "../../lib/texts.ts";
import type { Panel } from "../strip.ts";
import type { Fault } from "../types.ts";

export class Problems implements Panel {
  readonly name = "problems";
  readonly label = t("Problems");
  readonly element = h("section", {});
  private readonly go: (fault: Fault) => void;

  constructor(go: (fault: Fault) => void) {
    this.go = go;
  }

  show(faults: Fault[], titleOf: (id: string) => string): void {
    if (!faults.length) {
      this.element.replaceChildren(h("p", { class: "strip-empty" }, icon("circle-check"), t("Nothing is wrong. Every way leads on or ends with a person, a message or a goodbye.")));
      return;
    }
    this.element.replaceChildren(h("ul", { class: "faults" }, ...faults.map((fault) => h("li", {}, this.row(fault, titleOf)))));
  }

  private row(fault: Fault, titleOf: (id: string) => string): HTMLElement {
    const isError = fault.severity === "error";
    const where = [fault.node && titleOf(fault.node), fault.field].filter(Boolean).join(" · ");
    return h(
      "button",
      { type: "button", class: "fault", onclick: () => this.go(fault) },
      h("span", { class: isError ? "state is-unreachable" : "state is-busy" }, icon(isError ? "alert-circle" : "alert-triangle"), isError ? t("Error") : t("Warning")),
      h("span", { class: "fault-words" }, fault.message),
      h("span", { class: "faint tiny clip" }, where),
      h("span", { class: "faint tiny num" }, t("line {n}", { n: fault.line })),
    );
  }
}
