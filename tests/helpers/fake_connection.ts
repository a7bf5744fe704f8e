import assert from "node:assert/strict";
import type { Pooled } from "../../src/pool.ts";

/** Where a connection is, as far as it can tell. */
export type Place =
  /** With a user, or on its way to one. */
  | "lent"
  /** It came back, and is being looked at. */
  | "returning"
  | "idle"
  /** It is being looked at, for somebody who wants it. */
  | "checked"
  | "closed";

/** A connection that does what the test says, and refuses what would be a mistake. */
export class FakeConnection implements Pooled {
  readonly name: string;
  readonly number = 0;
  isFit = true;
  place: Place = "lent";
  /** Whether `settle` waits for `settled`. */
  settlesAtOnce = true;
  onClose: (() => void) | undefined;
  #stir: (() => void) | undefined;
  #settled: (() => void) | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get settling(): boolean {
    return this.#settled !== undefined;
  }

  fit(): boolean {
    return this.isFit && this.place !== "closed";
  }

  park(): void {
    assert.equal(this.place, "lent", `${this.name} is parked`);
    this.place = "returning";
  }

  unpark(): void {
    assert.match(this.place, /^(returning|checked)$/, `${this.name} is unparked`);
    assert.ok(this.isFit, `${this.name} is lent, and not fit`);
    this.place = "lent";
  }

  watch(stir: (() => void) | undefined): void {
    this.#stir = stir;
    if (stir) {
      assert.match(this.place, /^(returning|checked)$/, `${this.name} is put on the shelf`);
      assert.ok(this.isFit, `${this.name} is kept, and not fit`);
      this.place = "idle";
    } else if (this.place === "idle") {
      this.place = "checked";
    }
  }

  settle(): Promise<void> {
    if (this.settlesAtOnce) return Promise.resolve();
    const before = this.#settled;
    return new Promise((resolve) => {
      this.#settled = () => {
        this.#settled = undefined;
        before?.();
        resolve();
      };
    });
  }

  /** Ends the wait of `settle`. */
  settled(): void {
    this.#settled?.();
  }

  /** Its peer says or does something while it is idle. */
  stir(): void {
    this.isFit = false;
    this.#stir?.();
  }

  close(): void {
    if (this.place === "closed") return;
    this.place = "closed";
    this.onClose?.();
  }
}
