// What a check found: numbered steps, each passed, failed or not checked, in words.

export const PASSED = "passed";
export const FAILED = "failed";
export const NOT_CHECKED = "not checked";

export const passed = (id, title, detail, limit = "") => ({ id, title, status: PASSED, detail, limit });
export const failed = (id, title, detail, limit = "") => ({ id, title, status: FAILED, detail, limit });
export const notChecked = (id, title, detail, limit = "") => ({ id, title, status: NOT_CHECKED, detail, limit });

/** The outcome of checking one file. */
export class Report {
  constructor(what, steps, facts = {}, answer = "") {
    this.what = what;
    this.steps = steps;
    this.facts = facts;
    this.answer = answer;
  }

  step(id) {
    return this.steps.find((step) => step.id === id);
  }

  /** Whether no step failed. Says nothing about steps that were not checked. */
  get isIntact() {
    return this.steps.length > 0 && this.steps.every((step) => step.status !== FAILED);
  }

  /** One sentence for people. */
  get verdict() {
    const broken = this.steps.find((step) => step.status === FAILED);
    if (broken) return `does not match: ${broken.detail}`;
    if (!this.steps.length) return "nothing was checked";
    if (this.step("issuer")?.status !== PASSED) return "intact, issuer unknown";
    return "intact, and signed by the issuer you named";
  }
}
