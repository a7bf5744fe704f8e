/** Programs that nobody wrote. */

import { Random } from "../../helpers/random.ts";
import { type Answer, FILTER_NAMES, type Program, type Step, type Value } from "./program.ts";

/** So many programs, the same for the same seed. */
export function randomPrograms(count: number, seed: number): Program[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, at) => ({
    name: `${seed}/${at}`,
    steps: new Author(random).steps(),
  }));
}

type Kind = "source" | "sink" | "filter" | "attempt" | "protected";

class Author {
  readonly #random: Random;
  readonly #steps: Step[] = [];
  readonly #names: Record<Kind, string[]> = {
    source: [],
    sink: [],
    filter: [],
    attempt: [],
    protected: [],
  };
  readonly #logs: string[] = [];
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  steps(): Step[] {
    const random = this.#random;
    if (random.onceIn(2)) this.#steps.push(["@set", "ltn12.BLOCKSIZE", random.between(1, 5)]);
    for (let left = random.between(2, 12); left > 0; left--) this.#make();
    for (let left = random.between(2, 20); left > 0; left--) this.#use();
    for (const log of this.#logs) this.#steps.push(["@log", log]);
    return this.#steps;
  }

  #make(): void {
    const random = this.#random;
    switch (random.below(14)) {
      case 0:
        return this.#named("source", ["ltn12.source.string", this.#text(12)]);
      case 1:
        return this.#named("source", ["ltn12.source.table", this.#values(6)]);
      case 2:
        return this.#named("source", ["ltn12.source.cat", ...this.#some("source", 4)]);
      case 3:
        return this.#named("source", ["ltn12.source.rewind", this.#one("source")]);
      case 4:
        return this.#named("source", ["ltn12.source.simplify", this.#one("source")]);
      case 5:
      case 6:
        return this.#named("source", [
          "ltn12.source.chain",
          this.#one("source"),
          ...this.#some("filter", 3),
        ]);
      case 7:
        return this.#named("filter", ["ltn12.filter.chain", ...this.#some("filter", 4)]);
      case 8:
        return this.#named("filter", [
          "ltn12.filter.cycle",
          this.#scripted(2),
          this.#value(),
          this.#value(),
        ]);
      case 9:
        return this.#named("sink", ["ltn12.sink.simplify", this.#one("sink")]);
      case 10:
      case 11:
        // A sink that always says yes would be told of a filter's end for ever.
        return this.#named("sink", [
          "ltn12.sink.chain",
          ...this.#some("filter", 3),
          this.#scripted(2),
        ]);
      case 12:
        return this.#named("attempt", ["socket.newtry", this.#scripted(1, false)]);
      default:
        return this.#named("protected", ["socket.protect", this.#work()]);
    }
  }

  #use(): void {
    const random = this.#random;
    const kind = random.of(["source", "source", "sink", "filter", "attempt", "protected", "pump"]);
    if (kind === "pump") {
      const pump = random.of(["ltn12.pump.step", "ltn12.pump.all"]);
      this.#steps.push([pump, this.#one("source"), this.#one("sink")]);
      return;
    }
    const name = this.#name(kind as Kind);
    if (name === undefined) return this.#make();
    const args = kind === "source" && !random.onceIn(5) ? [] : [this.#chunk()];
    if (kind !== "source" && random.onceIn(3)) args.push(this.#value());
    this.#steps.push([`$${name}`, ...args]);
  }

  #named(kind: Kind, [target, ...args]: Step): void {
    const name = `v${this.#count++}`;
    this.#steps.push([`${name}=${target}`, ...args]);
    this.#names[kind].push(name);
  }

  #name(kind: Kind): string | undefined {
    const names = this.#names[kind];
    return names.length > 0 ? this.#random.of(names) : undefined;
  }

  #some(kind: Kind, most: number): Value[] {
    return Array.from({ length: this.#random.between(1, most) }, () => this.#one(kind));
  }

  #one(kind: Kind): Value {
    const random = this.#random;
    const name = this.#name(kind);
    if (name !== undefined && !random.onceIn(3)) {
      // A filter that stands at two places may feed itself for ever.
      if (kind === "filter") this.#names.filter = this.#names.filter.filter((it) => it !== name);
      return { $: name };
    }
    if (kind === "filter" && !random.onceIn(3)) return { does: random.of(FILTER_NAMES) };
    // Not nil: how long a list with a hole is, Lua leaves open.
    if (random.onceIn(40)) return this.#text(2);
    return this.#scripted(kind === "filter" ? 1 : 2);
  }

  /** What a protected function does. */
  #work(): Value {
    const answers = Array.from({ length: this.#random.between(1, 4) }, (): Answer => {
      const name = this.#name(this.#random.of(["attempt", "protected", "source"]));
      if (name === undefined || this.#random.onceIn(3)) {
        return { calls: ["socket.try", this.#value(), this.#value()] };
      }
      return { calls: [`$${name}`, this.#value(), this.#value()] };
    });
    return { answers };
  }

  /** A function that gives so many values at most; where it `calls`, it takes its time. */
  #scripted(width: number, calls = true): Value {
    const random = this.#random;
    const log = `l${this.#count++}`;
    if (random.onceIn(2)) this.#logs.push(log);
    const answers = Array.from({ length: random.between(0, 6) }, (): Answer => {
      if (random.onceIn(15)) return { throws: this.#value() };
      if (calls && random.onceIn(20)) return { calls: ["socket.try", null, this.#value()] };
      const values: Value[] = [this.#chunk()];
      if (width > 1 && random.onceIn(4)) values.push(this.#value());
      return values;
    });
    return { answers, log };
  }

  #chunk(): Value {
    const random = this.#random;
    if (random.onceIn(5)) return null;
    return random.onceIn(4) ? "" : this.#text(4);
  }

  #values(most: number): Value[] {
    return Array.from({ length: this.#random.below(most) }, () => this.#chunk());
  }

  #value(): Value {
    return this.#random.of<Value>([null, null, false, true, "", "err", "a", ["t"]]);
  }

  #text(most: number): string {
    const length = this.#random.between(1, most);
    return Array.from({ length }, () => this.#random.of([..."abc\0\xff"])).join("");
  }
}
